/**
 * Records to numbers. A connection is counted as opened at the first record of it that comes, whichever that is, and
 * lives until its close or failure: opened = closed + failed + count holds at any time. Only connections that were seen
 * alive are remembered; most are first heard of at their end.
 */
import type { ConnectionRecord, LookupRecord } from '../../../model.ts';
import { createMetricAttributes, defaultMetricAttributes, durationOf, type MetricAttribute } from '../../semconv.ts';
import { type ConnectionSeries, createInstruments, type Instruments } from './connection-series.ts';
import type { ExemplarFilter } from './exemplars.ts';
import { LookupSeries } from './lookups.ts';
import { SeriesTable } from './series-table.ts';

export interface ConnectionMetricsOptions {
  /** Series of each instrument. Default 2,000. */
  readonly limit?: number | undefined;
  /** Connections that are remembered while they live. Default 262,144. */
  readonly maxLive?: number | undefined;
  /** What series are told apart by. Default: what semconv.ts has as that. */
  readonly metricAttributes?: readonly MetricAttribute[] | undefined;
  /** Look-ups are told apart by name, too. */
  readonly lookupsByName?: boolean | undefined;
  /** Default `explicit`. */
  readonly histogram?: 'explicit' | 'exponential' | undefined;
  readonly exemplars?: ExemplarFilter | undefined;
  /** Milliseconds without anything new after which a series without live connections ends. Default 600,000. */
  readonly ttl?: number | undefined;
  readonly now?: () => number;
}

const byDefault = createMetricAttributes(defaultMetricAttributes, { ownNetworkNamespace: 0 });

/** A live connection: where it was counted, and the totals that were added so far. */
interface Live {
  readonly home: ConnectionSeries;
  sentBytes: number;
  receivedBytes: number;
  sentPackets: number;
  receivedPackets: number;
  retransmits: number;
  hasHandshake: boolean;
}

export class ConnectionMetrics {
  readonly instruments: Instruments;
  readonly #table: SeriesTable;
  readonly #live = new Map<bigint, Live>();
  readonly #maxLive: number;
  readonly #lookups: LookupSeries;
  readonly #ttl: number;

  constructor(options: ConnectionMetricsOptions = {}) {
    const { limit = 2000, maxLive = 262_144, now = Date.now, ttl = 600_000 } = options;
    const { histogram = 'explicit', exemplars, metricAttributes: attributes = byDefault } = options;
    this.instruments = createInstruments({ limit, now, histogram, exemplars });
    this.#table = new SeriesTable({ instruments: this.instruments, limit, attributes, now });
    this.#lookups = new LookupSeries(this.instruments.lookup, options.lookupsByName ?? false);
    this.#maxLive = maxLive;
    this.#ttl = ttl;
  }

  /** Ends what is idle. Call it after each collection, so that what was added last has been collected. */
  sweep(now: number): void {
    this.#table.sweep(now, this.#ttl);
    this.#lookups.sweep(now, this.#ttl);
  }

  add(record: ConnectionRecord): void {
    if (record.event === 'close' || record.event === 'failed') this.#end(record);
    else if (record.event === 'open' || record.event === 'update') this.#see(record);
    else if (record.reset) this.#table.find(record).addReset(record.reset);
    else if (record.drop && record.state === 'listen') this.#table.find(record).addListenDrops(record.drop.segments);
  }

  addLookup(lookup: LookupRecord): void {
    this.#lookups.add(lookup);
  }

  #see(record: ConnectionRecord): void {
    const series = this.#table.find(record);
    let live = this.#live.get(record.cookie);
    if (live === undefined) {
      // What finds no place is counted whole at its end, instead of once more at each update.
      if (this.#live.size >= this.#maxLive) return;
      live = begin(record, series);
      this.#live.set(record.cookie, live);
      series.enter();
    }
    addTotals(series, record, live);
    remember(live, record);
    if (record.event === 'update' && record.smoothedRtt !== undefined) series.recordRtt(record.smoothedRtt, record);
    if (record.handshakeDuration === undefined || live.hasHandshake) return;
    live.hasHandshake = true;
    series.recordHandshake(record.handshakeDuration, record);
  }

  #end(record: ConnectionRecord): void {
    const series = this.#table.find(record);
    // Looking up a bigint costs as much as all else here.
    const live = this.#live.size === 0 ? undefined : this.#live.get(record.cookie);
    const home = live?.home ?? series;
    if (live) {
      this.#live.delete(record.cookie);
      home.leave();
    } else home.pass();
    addTotals(series, record, live ?? (isOlder(record) ? record : nothing));
    home.recordEnd(record, durationOf(record));
    if (record.smoothedRtt !== undefined) series.recordRtt(record.smoothedRtt, record);
    if (record.handshakeDuration !== undefined && !live?.hasHandshake)
      series.recordHandshake(record.handshakeDuration, record);
  }
}

const nothing = { sentBytes: 0, receivedBytes: 0, sentPackets: 0, receivedPackets: 0, retransmits: 0 };

/**
 * What a TCP connection older than the agent moved before was not moved while we looked: its first totals add nothing. UDP
 * has no totals but those that we counted.
 */
function begin(record: ConnectionRecord, home: ConnectionSeries): Live {
  const live = { home, ...nothing, hasHandshake: false };
  if (isOlder(record)) remember(live, record);
  return live;
}

function isOlder({ preExisting, transport }: ConnectionRecord): boolean {
  return preExisting && transport === 'tcp';
}

function remember(live: Live, record: ConnectionRecord): void {
  live.sentBytes = record.sentBytes;
  live.receivedBytes = record.receivedBytes;
  live.sentPackets = record.sentPackets;
  live.receivedPackets = record.receivedPackets;
  live.retransmits = record.retransmits;
}

function addTotals(series: ConnectionSeries, record: ConnectionRecord, before: typeof nothing): void {
  series.sentBytes.value += growth(record.sentBytes, before.sentBytes);
  series.receivedBytes.value += growth(record.receivedBytes, before.receivedBytes);
  series.sentPackets.value += growth(record.sentPackets, before.sentPackets);
  series.receivedPackets.value += growth(record.receivedPackets, before.receivedPackets);
  series.retransmits.value += growth(record.retransmits, before.retransmits);
}

/** Counters never fall, whatever a record says. */
function growth(now: number, before: number): number {
  return now > before ? now - before : 0;
}
