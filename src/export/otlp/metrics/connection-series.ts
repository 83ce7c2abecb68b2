/** The series of connections that share their attributes: found once a record, then every instrument is a field. */
import type { Attributes } from '@opentelemetry/api';
import type { ConnectionRecord, ErrorType } from '../../../model.ts';
import { connectionMetrics, lookupMetric, type MetricDefinition, metricAttributeKeys } from '../../semconv.ts';
import type { ExemplarFilter } from './exemplars.ts';
import { ExponentialSeries } from './exponential.ts';
import { type Histogram, HistogramSeries, Instrument, type Series, SumSeries } from './series.ts';

export type Instruments = ReturnType<typeof createInstruments>;

export interface InstrumentsOptions {
  /** Series of each instrument, the overflow included. */
  readonly limit: number;
  /** Milliseconds, as Date.now(). */
  readonly now: () => number;
  readonly histogram: 'explicit' | 'exponential';
  /** Without one there are no exemplars. */
  readonly exemplars: ExemplarFilter | undefined;
}

export function createInstruments({ limit, now, histogram: kind, exemplars }: InstrumentsOptions) {
  const sum = (definition: MetricDefinition, filter?: ExemplarFilter) =>
    new Instrument(definition, limit, (attributes) => new SumSeries(attributes, now(), filter));
  const histogram = (definition: MetricDefinition & { bounds: readonly number[] }) =>
    new Instrument<Histogram>(definition, limit, (attributes) =>
      kind === 'exponential'
        ? new ExponentialSeries(attributes, now(), exemplars)
        : new HistogramSeries(attributes, now(), definition.bounds, exemplars),
    );
  return {
    duration: histogram(connectionMetrics.duration),
    handshake: histogram(connectionMetrics.handshake),
    rtt: histogram(connectionMetrics.rtt),
    lookup: histogram(lookupMetric),
    io: sum(connectionMetrics.io),
    packets: sum(connectionMetrics.packets),
    retransmits: sum(connectionMetrics.retransmits),
    resets: sum(connectionMetrics.resets),
    listenDrops: sum(connectionMetrics.listenDrops),
    opened: sum(connectionMetrics.opened),
    closed: sum(connectionMetrics.closed),
    failed: sum(connectionMetrics.failed, exemplars),
    count: sum(connectionMetrics.count),
  };
}

/** Ends of connections with the same error, or with none. */
interface Outcome {
  readonly duration: Histogram;
  /** Of `closed` or of `failed`; made when the first one ends so. */
  closed?: SumSeries;
  failed?: SumSeries;
}

export class ConnectionSeries {
  readonly sentBytes: SumSeries;
  readonly receivedBytes: SumSeries;
  readonly sentPackets: SumSeries;
  readonly receivedPackets: SumSeries;
  readonly retransmits: SumSeries;
  /** Something was added since the last look at it. */
  isUsed = true;
  /** When it was found used last: milliseconds, as Date.now(). */
  lastUse: number;
  readonly #instruments: Instruments;
  /** Undefined: the series of all that found no place. */
  readonly #attributes: Attributes | undefined;
  /** Those that were made for it. */
  readonly #own: Series[] = [];
  readonly #opened: SumSeries;
  readonly #count: SumSeries;
  readonly #outcomes = new Map<ErrorType | undefined, Outcome>();
  readonly #resets: Partial<Record<'transmit' | 'receive', SumSeries>> = {};
  #rtt: Histogram | undefined;
  #handshake: Histogram | undefined;
  #listenDrops: SumSeries | undefined;
  /** Connections that live and are counted here. */
  #live = 0;

  constructor(instruments: Instruments, attributes: Attributes | undefined, now: number) {
    this.#instruments = instruments;
    this.#attributes = attributes;
    this.lastUse = now;
    const { opened, count, io, packets, retransmits } = instruments;
    const { direction } = metricAttributeKeys;
    this.#opened = this.#add(opened);
    this.#count = this.#add(count);
    this.sentBytes = this.#add(io, { [direction]: 'transmit' });
    this.receivedBytes = this.#add(io, { [direction]: 'receive' });
    this.sentPackets = this.#add(packets, { [direction]: 'transmit' });
    this.receivedPackets = this.#add(packets, { [direction]: 'receive' });
    this.retransmits = this.#add(retransmits);
  }

  #add<Kind extends Series>(instrument: Instrument<Kind>, more: Attributes = {}): Kind {
    if (!this.#attributes) return instrument.overflow();
    const series = instrument.add({ ...this.#attributes, ...more });
    this.#own.push(series);
    return series;
  }

  /** What ends with it; of these, that of an overflow does not. */
  get own(): readonly Series[] {
    return this.#own;
  }

  /** Connections live, so it stays however long nothing comes. */
  get hasLive(): boolean {
    return this.#live > 0;
  }

  /** A connection was seen alive for the first time. */
  enter(): void {
    this.#opened.value++;
    this.#count.value++;
    this.#live++;
  }

  /** One that had entered has ended. */
  leave(): void {
    this.#count.value--;
    this.#live--;
  }

  /** A connection was first seen at its end. */
  pass(): void {
    this.#opened.value++;
  }

  recordRtt(seconds: number, record: ConnectionRecord): void {
    this.#rtt ??= this.#add(this.#instruments.rtt);
    this.#rtt.record(seconds, record);
  }

  recordHandshake(seconds: number, record: ConnectionRecord): void {
    this.#handshake ??= this.#add(this.#instruments.handshake);
    this.#handshake.record(seconds, record);
  }

  addReset({ direction, segments }: NonNullable<ConnectionRecord['reset']>): void {
    const series =
      this.#resets[direction] ?? this.#add(this.#instruments.resets, { [metricAttributeKeys.direction]: direction });
    this.#resets[direction] = series;
    series.value += segments;
  }

  addListenDrops(segments: number): void {
    this.#listenDrops ??= this.#add(this.#instruments.listenDrops);
    this.#listenDrops.value += segments;
  }

  /** `seconds`: undefined when nobody knows how long it was. */
  recordEnd(record: ConnectionRecord, seconds: number | undefined): void {
    this.isUsed = true;
    const { errorType: error } = record;
    const event = record.event === 'failed' ? 'failed' : 'closed';
    const more = error === undefined ? {} : { [metricAttributeKeys.error]: error };
    let outcome = this.#outcomes.get(error);
    if (outcome === undefined) {
      outcome = { duration: this.#add(this.#instruments.duration, more) };
      this.#outcomes.set(error, outcome);
    }
    outcome[event] ??= this.#add(this.#instruments[event], more);
    outcome[event].count(record);
    if (seconds !== undefined) outcome.duration.record(seconds, record);
  }
}
