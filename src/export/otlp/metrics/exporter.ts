/** Metrics to an OTLP server: aggregated by us, collected by the SDK's reader, delivered like everything else. */
import { type ExportResult, ExportResultCode, type InstrumentationScope, millisToHrTime } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  type IMetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Ledger, withPrefix } from '../../../ledger.ts';
import type { ConnectionRecord, Exporter } from '../../../model.ts';
import type { AgentBooks } from '../../../telemetry/agent.ts';
import { type AgentMetrics, startAgentMetrics } from '../../../telemetry/provider.ts';
import { schemaUrl, scopeName } from '../../semconv.ts';
import { Delivery, type DeliveryLimits, type Say } from '../delivery.ts';
import { type CommonResource, readCommon } from '../resource.ts';
import { readOwnServiceName } from '../settings.ts';
import { createTransport, type OtlpOptions } from '../transport.ts';
import { beginWithAgent } from './agent-start.ts';
import { ConnectionMetrics, type ConnectionMetricsOptions } from './connections.ts';
import { createMetricProducer } from './producer.ts';
import { encodeMetrics } from './requests.ts';
import { readTemporality } from './temporality.ts';

export interface OtlpMetricsOptions
  extends OtlpOptions,
    CommonResource,
    ConnectionMetricsOptions,
    AgentBooks,
    DeliveryLimits {
  /** Time between two collections. Default 60,000. */
  readonly intervalMs?: number | undefined;
  /** Others that read the agent's own metrics. */
  readonly readers?: readonly IMetricReader[] | undefined;
}

export const METRICS_EXPORTER = 'otlp-metrics';
const MEBIBYTE = 1024 * 1024;
const LONGEST_EXPORT = 30_000;

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpMetricsExporter(options: OtlpMetricsOptions, say: Say): Exporter {
  const title = 'OTLP metrics';
  const transport = createTransport(options, 'METRICS', (message) => say(`${title}: ${message}`));
  const ledger = withPrefix(options.ledger, 'metrics');
  const limits = { ...options, queueBytes: options.queueBytes ?? 16 * MEBIBYTE };
  const delivery = new Delivery({ name: METRICS_EXPORTER, title, items: 'metrics', transport, ledger, say, limits });
  const metrics = new ConnectionMetrics(options);
  const deliveries = new Map([...(options.deliveries ?? []), [METRICS_EXPORTER, delivery] as const]);
  const agent = startReaders({ ...options, deliveries }, metrics, new DeliveringExporter(delivery, ledger));
  let closed: Promise<void> | undefined;
  return {
    name: METRICS_EXPORTER,
    export(records: readonly ConnectionRecord[]) {
      for (const record of records) metrics.add(record);
    },
    exportLookups(lookups) {
      for (const lookup of lookups) metrics.addLookup(lookup);
    },
    shutdown(deadline) {
      closed ??= shutdown(agent, delivery, deadline);
      return closed;
    },
  };
}

function startReaders(
  options: OtlpMetricsOptions,
  metrics: ConnectionMetrics,
  exporter: DeliveringExporter,
): AgentMetrics {
  const resource = resourceFromAttributes(
    { 'service.name': readOwnServiceName() ?? scopeName, ...(readCommon(options) as Record<string, string>) },
    { schemaUrl },
  );
  const scope: InstrumentationScope = { name: scopeName, version: options.host.agentVersion, schemaUrl };
  const producer = createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource,
    scope,
    selectTemporality: (type) => exporter.selectAggregationTemporality(type),
    ...(options.now && { now: options.now }),
    onCollected: (now) => metrics.sweep(now),
  });
  const interval = options.intervalMs ?? 60_000;
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(interval, LONGEST_EXPORT),
    metricProducers: [producer],
  });
  const readers = [reader, ...(options.readers ?? [])];
  return startAgentMetrics({ ...options, readers, resource, version: options.host.agentVersion });
}

/** Collects once more and sends what waits; gives up at the deadline. */
async function shutdown(agent: AgentMetrics, delivery: Delivery, deadline: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
  await Promise.race([agent.shutdown(), promise]);
  clearTimeout(timer);
  await delivery.shutdown(deadline);
}

/** Takes each collection over at once: what becomes of it is the delivery's. */
class DeliveringExporter implements PushMetricExporter {
  readonly #delivery: Delivery;
  readonly #ledger: Ledger;
  readonly #start = millisToHrTime(Date.now());
  readonly selectAggregationTemporality = readTemporality();

  constructor(delivery: Delivery, ledger: Ledger) {
    this.#delivery = delivery;
    this.#ledger = ledger;
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    void this.#push(metrics).then(
      () => done({ code: ExportResultCode.SUCCESS }),
      (error: Error) => done({ code: ExportResultCode.FAILED, error }),
    );
  }

  async #push(metrics: ResourceMetrics): Promise<void> {
    const onFailure = (points: number) => this.#ledger.lose('export', 'not_encoded', points);
    for await (const batch of encodeMetrics(beginWithAgent(metrics, this.#start), onFailure))
      this.#delivery.push(batch);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
