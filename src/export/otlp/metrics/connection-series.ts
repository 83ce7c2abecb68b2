/** The series of connections that share the default attributes: found once a record, then every instrument is a field. */
import type { Attributes } from '@opentelemetry/api';
import type { ConnectionRecord, ErrorType } from '../../../model.ts';
import {
  connectionMetrics,
  lookupMetric,
  type MetricDefinition,
  metricAttributeKeys,
  serverPort,
  serviceName,
} from '../../semconv.ts';
import { HistogramSeries, Instrument, SumSeries } from './series.ts';

export type Instruments = ReturnType<typeof createInstruments>;

/** `limit`: series of each instrument, the overflow included. `now`: milliseconds, as Date.now(). */
export function createInstruments(limit: number, now: () => number) {
  const sum = (definition: MetricDefinition) =>
    new Instrument(definition, limit, (attributes) => new SumSeries(attributes, now()));
  const histogram = (definition: MetricDefinition & { bounds: readonly number[] }) =>
    new Instrument(definition, limit, (attributes) => new HistogramSeries(attributes, now(), definition.bounds));
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
    failed: sum(connectionMetrics.failed),
    count: sum(connectionMetrics.count),
  };
}

/** Ends of connections with the same error, or with none. */
interface Outcome {
  readonly duration: HistogramSeries;
  /** Of `closed` or of `failed`; made when the first one ends so. */
  closed?: SumSeries;
  failed?: SumSeries;
}

export class ConnectionSeries {
  readonly opened: SumSeries;
  readonly count: SumSeries;
  readonly sentBytes: SumSeries;
  readonly receivedBytes: SumSeries;
  readonly sentPackets: SumSeries;
  readonly receivedPackets: SumSeries;
  readonly retransmits: SumSeries;
  readonly #instruments: Instruments;
  /** Undefined: the series of all that found no place. */
  readonly #attributes: Attributes | undefined;
  readonly #outcomes = new Map<ErrorType | undefined, Outcome>();
  #rtt: HistogramSeries | undefined;
  readonly #resets: Partial<Record<'transmit' | 'receive', SumSeries>> = {};
  #listenDrops: SumSeries | undefined;
  #handshake: HistogramSeries | undefined;

  constructor(instruments: Instruments, attributes: Attributes | undefined) {
    this.#instruments = instruments;
    this.#attributes = attributes;
    const { opened, count, io, packets, retransmits } = instruments;
    const { direction } = metricAttributeKeys;
    this.opened = this.#add(opened);
    this.count = this.#add(count);
    this.sentBytes = this.#add(io, { [direction]: 'transmit' });
    this.receivedBytes = this.#add(io, { [direction]: 'receive' });
    this.sentPackets = this.#add(packets, { [direction]: 'transmit' });
    this.receivedPackets = this.#add(packets, { [direction]: 'receive' });
    this.retransmits = this.#add(retransmits);
  }

  #add<Kind extends SumSeries | HistogramSeries>(instrument: Instrument<Kind>, more: Attributes = {}): Kind {
    return this.#attributes ? instrument.add({ ...this.#attributes, ...more }) : instrument.overflow();
  }

  recordRtt(seconds: number): void {
    this.#rtt ??= this.#add(this.#instruments.rtt);
    this.#rtt.record(seconds);
  }

  recordHandshake(seconds: number): void {
    this.#handshake ??= this.#add(this.#instruments.handshake);
    this.#handshake.record(seconds);
  }

  addReset(direction: 'transmit' | 'receive'): void {
    const series =
      this.#resets[direction] ?? this.#add(this.#instruments.resets, { [metricAttributeKeys.direction]: direction });
    this.#resets[direction] = series;
    series.value++;
  }

  addListenDrops(segments: number): void {
    this.#listenDrops ??= this.#add(this.#instruments.listenDrops);
    this.#listenDrops.value += segments;
  }

  /** `seconds`: undefined when nobody knows how long it was. */
  recordEnd(event: 'closed' | 'failed', error: ErrorType | undefined, seconds: number | undefined): void {
    const more = error === undefined ? {} : { [metricAttributeKeys.error]: error };
    let outcome = this.#outcomes.get(error);
    if (outcome === undefined) {
      outcome = { duration: this.#add(this.#instruments.duration, more) };
      this.#outcomes.set(error, outcome);
    }
    outcome[event] ??= this.#add(this.#instruments[event], more);
    outcome[event].value++;
    if (seconds !== undefined) outcome.duration.record(seconds);
  }
}

const roles = { client: 0, server: 1, unknown: 2 } as const;

/** Finds the series of a record: two small look-ups, and none at all when it is like the one before. */
export class SeriesTable {
  readonly #instruments: Instruments;
  readonly #limit: number;
  readonly #services = new Map<string, Map<number, ConnectionSeries>>();
  #size = 0;
  #overflow: ConnectionSeries | undefined;

  constructor(instruments: Instruments, limit: number) {
    this.#instruments = instruments;
    this.#limit = limit;
  }

  find(record: ConnectionRecord): ConnectionSeries {
    const service = serviceName(record.process);
    const code = encodeAttributes(record);
    return this.#services.get(service)?.get(code) ?? this.#create(service, code, record);
  }

  #create(service: string, code: number, record: ConnectionRecord): ConnectionSeries {
    if (this.#size >= this.#limit) {
      this.#overflow ??= new ConnectionSeries(this.#instruments, undefined);
      return this.#overflow;
    }
    this.#size++;
    const series = new ConnectionSeries(this.#instruments, readAttributes(service, record));
    const codes = this.#services.get(service) ?? new Map<number, ConnectionSeries>();
    this.#services.set(service, codes.set(code, series));
    return series;
  }
}

/** All attributes but the name of the service as one number. */
function encodeAttributes(record: ConnectionRecord): number {
  const kind = (roles[record.role] * 2 + (record.networkType === 'ipv6' ? 1 : 0)) * 2;
  return serverPort(record) * 12 + kind + (record.transport === 'udp' ? 1 : 0);
}

function readAttributes(service: string, record: ConnectionRecord): Attributes {
  const keys = metricAttributeKeys;
  const port = serverPort(record);
  return {
    [keys.transport]: record.transport,
    [keys.networkType]: record.networkType,
    [keys.role]: record.role,
    ...(port > 0 && { [keys.serverPort]: port }),
    [keys.service]: service.toWellFormed(),
  };
}
