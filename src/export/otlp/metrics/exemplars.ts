/**
 * Exemplars: single measurements that stand for the many in a series, with the connection that each is of. So from a slow
 * bucket one gets to a connection that was slow: its span where spans are sent, its log record by its id.
 */
import type { ConnectionRecord, Role } from '../../../model.ts';
import { always, readSampler, type Sampler } from '../sampler.ts';
import { traceIds } from '../trace-ids.ts';

export interface Exemplar {
  readonly value: number;
  /** When it was measured: UNIX nanoseconds. */
  readonly time: bigint;
  readonly id: string;
  readonly role: Role;
  readonly cookie: bigint;
  /** Its span is sent, so it may be pointed to. */
  readonly isTraced: boolean;
}

/** Which measurements may become exemplars. */
export interface ExemplarFilter {
  accepts(record: ConnectionRecord): boolean;
  isTraced(record: ConnectionRecord): boolean;
}

const VARIABLE = 'OTEL_METRICS_EXEMPLAR_FILTER';
const expected = 'expects trace_based, always_on or always_off';

/**
 * Undefined: there are no exemplars. By default only connections whose span is sent become any (trace_based, as the
 * specification has it). Throws an Error of one line when the variable is no good.
 */
export function readExemplarFilter(
  sendsSpans: boolean,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ExemplarFilter | undefined {
  const text = env[VARIABLE]?.trim().toLowerCase() || 'trace_based';
  if (text === 'always_off') return undefined;
  if (text !== 'trace_based' && text !== 'always_on') throw new Error(`${VARIABLE} ${expected}, not "${text}"`);
  const isTraced = sendsSpans ? testOf(readSampler(env)) : () => false;
  if (text === 'always_on') return { accepts: () => true, isTraced };
  return sendsSpans ? { accepts: isTraced, isTraced: () => true } : undefined;
}

/** The id of a trace takes a microsecond, so it isn't made where nobody looks at it. */
function testOf(sampler: Sampler): ExemplarFilter['isTraced'] {
  return sampler === always ? () => true : ({ id }) => sampler(traceIds(id).trace);
}

/** Those of one series since the last collection, each measurement with the same chance. */
export class Reservoir {
  readonly #filter: ExemplarFilter;
  readonly #size: number;
  #kept: Exemplar[] = [];
  /** Measurements that were offered for each place, or for all of them. */
  #seen: number[] = [];

  constructor(filter: ExemplarFilter, size: number) {
    this.#filter = filter;
    this.#size = size;
  }

  /** For one place, such as that of a bucket: one of those that were offered for it is kept. */
  offerFor(place: number, value: number, record: ConnectionRecord): void {
    if (!this.#filter.accepts(record)) return;
    const seen = (this.#seen[place] ?? 0) + 1;
    this.#seen[place] = seen;
    if (Math.random() * seen < 1) this.#keep(place, value, record);
  }

  /** For any place: as many as there are places are kept. */
  offer(value: number, record: ConnectionRecord): void {
    if (!this.#filter.accepts(record)) return;
    const seen = (this.#seen[0] ?? 0) + 1;
    this.#seen[0] = seen;
    const place = seen <= this.#size ? seen - 1 : Math.floor(Math.random() * seen);
    if (place < this.#size) this.#keep(place, value, record);
  }

  #keep(place: number, value: number, record: ConnectionRecord): void {
    const { time, id, role, cookie } = record;
    this.#kept[place] = { value, time, id, role, cookie, isTraced: this.#filter.isTraced(record) };
  }

  /** Begins anew. */
  take(): readonly Exemplar[] {
    if (this.#seen.length === 0) return none;
    const kept = this.#kept.filter(Boolean);
    this.#kept = [];
    this.#seen = [];
    return kept;
  }
}

export const none: readonly Exemplar[] = [];
