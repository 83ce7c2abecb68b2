/** The agent's books as metrics, through the plain SDK: a handful of series that nobody is in a hurry for. */
import type { Meter, ObservableResult } from '@opentelemetry/api';
import type { KernelCounts, Ledger } from '../../../ledger.ts';
import { agentMetrics, type MetricDefinition, metricAttributeKeys } from '../../semconv.ts';
import type { Delivery } from '../delivery.ts';

export interface Loss {
  readonly stage: string;
  readonly reason: string;
  readonly count: number;
}

export interface AgentBooks {
  readonly ledger: Ledger;
  /** Every loss once, the kernel side's included. Default: the ledger's. */
  readonly losses?: () => readonly Loss[];
  /** opened = live + closed + lost, as the kernel side counted. */
  readonly kernelCounts?: () => KernelCounts;
  /** Bytes that wait for each exporter, by its name. */
  readonly queues?: () => ReadonlyMap<string, number>;
  /** What goes out through queues of ours, by exporter. */
  readonly deliveries?: ReadonlyMap<string, Delivery>;
}

export function observeAgent(meter: Meter, books: AgentBooks): void {
  const { ledger, losses = () => ledger.lost, kernelCounts, queues, deliveries } = books;
  const keys = metricAttributeKeys;
  observe(meter, agentMetrics.received, (result) => result.observe(ledger.received));
  observe(meter, agentMetrics.sent, (result) => {
    for (const [exporter, count] of ledger.sent) result.observe(count, { [keys.exporter]: exporter });
  });
  observe(meter, agentMetrics.lost, (result) => {
    for (const { stage, reason, count } of losses())
      result.observe(count, { [keys.stage]: stage, [keys.reason]: reason });
  });
  observe(meter, agentMetrics.faults, (result) => {
    for (const { stage, what, count } of ledger.faulted)
      result.observe(count, { [keys.stage]: stage, [keys.what]: what });
  });
  observe(meter, agentMetrics.lookups, (result) => {
    for (const [how, count] of ledger.lookups) result.observe(count, { [keys.lookupResult]: how });
  });
  observe(meter, agentMetrics.late, (result) => result.observe(ledger.late));
  if (queues)
    observe(meter, agentMetrics.queue, (result) => {
      for (const [exporter, bytes] of queues()) result.observe(bytes, { [keys.exporter]: exporter });
    });
  if (deliveries) observeDeliveries(meter, deliveries);
  if (!kernelCounts) return;
  for (const which of ['opened', 'closed', 'live'] as const)
    observe(meter, agentMetrics[which], (result) => {
      const counts = kernelCounts();
      result.observe(counts[which], { [keys.transport]: 'tcp' });
      result.observe(counts.udp[which], { [keys.transport]: 'udp' });
    });
  observe(meter, agentMetrics.folded, (result) => result.observe(kernelCounts().folded));
}

function observeDeliveries(meter: Meter, deliveries: ReadonlyMap<string, Delivery>): void {
  const { exporter: key, error } = metricAttributeKeys;
  const { name: durationName, unit, description, bounds } = agentMetrics.exportDuration;
  const duration = meter.createHistogram(durationName, {
    unit,
    description,
    advice: { explicitBucketBoundaries: [...bounds] },
  });
  for (const [exporter, delivery] of deliveries)
    delivery.onRequest = (seconds, reason) =>
      duration.record(seconds, { [key]: exporter, ...(reason !== undefined && { [error]: reason }) });
  observe(meter, agentMetrics.spool, (result) => {
    for (const [exporter, { spoolBytes }] of deliveries)
      if (spoolBytes !== undefined) result.observe(spoolBytes, { [key]: exporter });
  });
  observe(meter, agentMetrics.exportRetries, (result) => {
    for (const [exporter, { counts }] of deliveries) result.observe(counts.retries, { [key]: exporter });
  });
  observe(meter, agentMetrics.exportRenewals, (result) => {
    for (const [exporter, { counts }] of deliveries) result.observe(counts.renewals, { [key]: exporter });
  });
}

function observe(meter: Meter, definition: MetricDefinition, read: (result: ObservableResult) => void): void {
  const { name, unit, description } = definition;
  const options = { unit, description, valueType: 0 };
  const instrument =
    definition.instrument === 'counter'
      ? meter.createObservableCounter(name, options)
      : meter.createObservableGauge(name, options);
  instrument.addCallback(read);
}
