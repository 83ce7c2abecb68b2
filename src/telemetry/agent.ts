/** The agent's books as metrics, through the plain SDK: a handful of series that nobody is in a hurry for. */
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Delivery } from '../export/otlp/delivery.ts';
import { agentMetrics, type MetricDefinition, metricAttributeKeys } from '../export/semconv.ts';
import type { KernelCounts, Ledger } from '../ledger.ts';

export interface Loss {
  readonly stage: string;
  readonly reason: string;
  readonly count: number;
}

export interface AgentBooks {
  readonly ledger: Ledger;
  /** Every loss once, the kernel side's included. Default: the ledger's. */
  readonly losses?: ((counts: KernelCounts) => readonly Loss[]) | undefined;
  /** opened = live + closed + lost, as the kernel side counted; undefined before the start. */
  readonly kernelCounts?: (() => KernelCounts | undefined) | undefined;
  /** What can be seen here, and what can't. */
  readonly capabilities?: (() => Readonly<Record<string, boolean>>) | undefined;
  /** Bytes that wait for an exporter, where that is more than its delivery has. */
  readonly queues?: (() => ReadonlyMap<string, number>) | undefined;
  /** What goes out through queues of ours, by exporter. */
  readonly deliveries?: ReadonlyMap<string, Delivery> | undefined;
}

type Name = Exclude<keyof typeof agentMetrics, 'exportDuration' | 'eventLoopDelay'>;
/** Notes a value; `of` is what the series is of. */
type Note = (name: Name, value: number, of?: Readonly<Record<string, string>>) => void;

const keys = metricAttributeKeys;

/** All in one callback, so that a collection reads the kernel's counters once and its numbers fit each other. */
export function observeAgent(meter: Meter, books: AgentBooks): void {
  const observed = new Map<Name, Observable>(names.map((name) => [name, createObservable(meter, agentMetrics[name])]));
  const read = (result: BatchObservableResult): void => {
    const note: Note = (name, value, of) => result.observe(observed.get(name) as Observable, value, of);
    const counts = books.kernelCounts?.();
    noteLedger(books, counts, note);
    if (counts) noteKernel(counts, note);
    noteDeliveries(books, note);
    noteProcess(note);
    for (const [name, isThere] of Object.entries(books.capabilities?.() ?? {}))
      note('capability', isThere ? 1 : 0, { [keys.capability]: name });
  };
  meter.addBatchObservableCallback(read, [...observed.values()]);
  if (books.deliveries) recordRequests(meter, books.deliveries);
}

const names = Object.keys(agentMetrics).filter(
  (name) => name !== 'exportDuration' && name !== 'eventLoopDelay',
) as Name[];

function createObservable(meter: Meter, definition: MetricDefinition): Observable {
  const { name, unit, description, instrument } = definition;
  const options = { unit, description };
  return instrument === 'counter'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableGauge(name, options);
}

function noteLedger({ ledger, losses }: AgentBooks, counts: KernelCounts | undefined, note: Note): void {
  note('received', ledger.received);
  for (const [exporter, count] of ledger.sent) note('sent', count, { [keys.exporter]: exporter });
  for (const [exporter, count] of ledger.restored) note('restored', count, { [keys.exporter]: exporter });
  for (const { stage, reason, count } of (counts && losses?.(counts)) ?? ledger.lost)
    note('lost', count, { [keys.stage]: stage, [keys.reason]: reason });
  // What was never lost there is 0 instead of absent: the books need it, and after a restart it takes the old value's place.
  for (const [reason, count] of Object.entries(counts?.lost ?? {}))
    if (count === 0) note('lost', 0, { [keys.stage]: 'kernel', [keys.reason]: reason });
  for (const { stage, what, count } of ledger.faulted)
    note('faults', count, { [keys.stage]: stage, [keys.what]: what });
  for (const [how, count] of ledger.lookups) note('lookups', count, { [keys.lookupResult]: how });
  note('late', ledger.late);
}

function noteKernel(counts: KernelCounts, note: Note): void {
  for (const which of ['opened', 'closed', 'live'] as const) {
    note(which, counts[which], { [keys.transport]: 'tcp' });
    note(which, counts.udp[which], { [keys.transport]: 'udp' });
  }
  note('folded', counts.folded);
  for (const [what, count] of Object.entries(counts.dropped))
    note('dropped', count, { [keys.what]: what.toLowerCase().replaceAll(' ', '_') });
}

function noteDeliveries({ ledger, queues, deliveries = new Map() }: AgentBooks, note: Note): void {
  for (const [exporter, bytes] of ledger.queues) note('queue', bytes(), { [keys.exporter]: exporter });
  const queued = queues?.() ?? new Map<string, number>();
  for (const [exporter, bytes] of queued) note('queue', bytes, { [keys.exporter]: exporter });
  for (const [exporter, { queuedBytes, spoolBytes, counts }] of deliveries as ReadonlyMap<string, Delivery>) {
    const of = { [keys.exporter]: exporter };
    if (!queued.has(exporter)) note('queue', queuedBytes, of);
    if (spoolBytes !== undefined) note('spool', spoolBytes, of);
    note('exportRetries', counts.retries, of);
    note('exportRenewals', counts.renewals, of);
  }
}

const MICROSECONDS = 1e6;

function noteProcess(note: Note): void {
  const { user, system } = process.cpuUsage();
  note('cpu', user / MICROSECONDS, { [keys.cpuMode]: 'user' });
  note('cpu', system / MICROSECONDS, { [keys.cpuMode]: 'system' });
  note('memory', process.memoryUsage.rss());
}

function recordRequests(meter: Meter, deliveries: ReadonlyMap<string, Delivery>): void {
  const duration = createHistogram(meter, agentMetrics.exportDuration);
  for (const [exporter, delivery] of deliveries)
    delivery.onRequest = (seconds, reason) =>
      duration.record(seconds, { [keys.exporter]: exporter, ...(reason !== undefined && { [keys.error]: reason }) });
}

/** Milliseconds between two looks at how late the event loop is. */
const LOOK = 50;

/** Notes how late timers are, which is how long records wait for the event loop. Returns what ends it. */
export function observeEventLoop(meter: Meter): () => void {
  const delay = createHistogram(meter, agentMetrics.eventLoopDelay);
  let due = performance.now() + LOOK;
  const timer = setInterval(() => {
    const now = performance.now();
    delay.record(Math.max(0, now - due) / 1000);
    due = now + LOOK;
  }, LOOK).unref();
  return () => clearInterval(timer);
}

function createHistogram(meter: Meter, definition: MetricDefinition & { readonly bounds: readonly number[] }) {
  const { name, unit, description, bounds } = definition;
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...bounds] } });
}
