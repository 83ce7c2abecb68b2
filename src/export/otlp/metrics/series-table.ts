/** Finds the series of a record by its attributes, and ends those that are idle. */
import type { Attributes } from '@opentelemetry/api';
import type { ConnectionRecord } from '../../../model.ts';
import { type MetricAttribute, metricAttributeKeys, serverPort } from '../../semconv.ts';
import { ConnectionSeries, type Instruments } from './connection-series.ts';
import type { Series } from './series.ts';

type Value = ReturnType<MetricAttribute['read']>;
/** A step for each attribute that is not in the code; behind the last one the code. */
type Level = Map<Value, Level | ConnectionSeries>;

interface Entry {
  readonly path: readonly Value[];
  readonly series: ConnectionSeries;
}

export interface SeriesTableOptions {
  readonly instruments: Instruments;
  /** Series of each instrument, the overflow included. */
  readonly limit: number;
  readonly attributes: readonly MetricAttribute[];
  readonly now: () => number;
}

export class SeriesTable {
  readonly #options: SeriesTableOptions;
  readonly #encode: (record: ConnectionRecord) => number;
  /** Attributes that are no part of the code. */
  readonly #steps: readonly MetricAttribute['read'][];
  #root: Level = new Map();
  #entries: Entry[] = [];
  #overflow: ConnectionSeries | undefined;

  constructor(options: SeriesTableOptions) {
    this.#options = options;
    const keys = new Set(options.attributes.map(({ key }) => key));
    this.#encode = createEncoder(keys);
    this.#steps = options.attributes.filter(({ key }) => !coded.has(key)).map(({ read }) => read);
  }

  /** A look-up for each attribute that is a text, since their hashes are there already, and one for the others together. */
  find(record: ConnectionRecord): ConnectionSeries {
    let level = this.#root;
    for (const read of this.#steps) {
      const next = level.get(read(record));
      if (next === undefined) return this.#create(record);
      level = next as Level;
    }
    const series = (level.get(this.#encode(record)) as ConnectionSeries | undefined) ?? this.#create(record);
    series.isUsed = true;
    return series;
  }

  #create(record: ConnectionRecord): ConnectionSeries {
    const { instruments, limit, now } = this.#options;
    // The last place is the overflow's.
    if (this.#entries.length >= limit - 1) {
      this.#overflow ??= new ConnectionSeries(instruments, undefined, now());
      return this.#overflow;
    }
    const series = new ConnectionSeries(instruments, this.#readAttributes(record), now());
    const entry = { path: [...this.#steps.map((read) => read(record)), this.#encode(record)], series };
    this.#entries.push(entry);
    this.#insert(entry);
    return series;
  }

  #insert({ path, series }: Entry): void {
    let level = this.#root;
    for (const value of path.slice(0, -1)) {
      let next = level.get(value) as Level | undefined;
      if (next === undefined) {
        next = new Map();
        level.set(value, next);
      }
      level = next;
    }
    level.set(path.at(-1), series);
  }

  #readAttributes(record: ConnectionRecord): Attributes {
    const attributes: Attributes = {};
    for (const { key, read } of this.#options.attributes) {
      const value = read(record);
      if (value !== undefined) attributes[key] = typeof value === 'string' ? value.toWellFormed() : value;
    }
    return attributes;
  }

  /** Ends the series that nothing came for in the last `ttl` milliseconds and that have no live connection. */
  sweep(now: number, ttl: number): void {
    const gone = new Set(this.#entries.filter(({ series }) => isOver(series, now, ttl)));
    if (gone.size === 0) return;
    const series = new Set<Series>([...gone].flatMap((entry) => entry.series.own));
    for (const instrument of Object.values(this.#options.instruments)) instrument.remove(series);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
    // Built anew, so that no empty level is left behind.
    this.#root = new Map();
    for (const entry of this.#entries) this.#insert(entry);
  }
}

/** Looked at once a collection, so that a record needs no clock. */
function isOver(series: ConnectionSeries, now: number, ttl: number): boolean {
  if (series.isUsed) {
    series.isUsed = false;
    series.lastUse = now;
    return false;
  }
  return !series.hasLive && now - series.lastUse >= ttl;
}

const roles = { client: 0, server: 1, unknown: 2 } as const;
/** Attributes that are one number together. */
const coded: ReadonlySet<string> = new Set([
  metricAttributeKeys.transport,
  metricAttributeKeys.networkType,
  metricAttributeKeys.role,
  metricAttributeKeys.serverPort,
]);

function createEncoder(keys: ReadonlySet<string>): (record: ConnectionRecord) => number {
  const hasPort = keys.has(metricAttributeKeys.serverPort);
  const hasRole = keys.has(metricAttributeKeys.role);
  const hasType = keys.has(metricAttributeKeys.networkType);
  const hasTransport = keys.has(metricAttributeKeys.transport);
  return (record) => {
    const port = hasPort ? serverPort(record) : 0;
    const role = hasRole ? roles[record.role] : 0;
    const type = hasType && record.networkType === 'ipv6' ? 1 : 0;
    const transport = hasTransport && record.transport === 'udp' ? 1 : 0;
    return ((port * 3 + role) * 2 + type) * 2 + transport;
  };
}
