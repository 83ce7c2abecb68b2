/** What happened to connections before their end, remembered for their spans. */
import type { ConnectionRecord } from '../../model.ts';

export interface SpanEvent {
  readonly name: string;
  /** UNIX nanoseconds. */
  readonly time: bigint;
  readonly attributes: readonly (readonly [key: string, value: string | number])[];
}

export interface Happened {
  readonly events: readonly SpanEvent[];
  /** Events that there was no room for. */
  readonly dropped: number;
}

interface Memory {
  readonly events: SpanEvent[];
  dropped: number;
}

export interface SpanEventsOptions {
  /** Events of one span. */
  readonly limit: number;
  /** Events of all connections together; one is some 200 bytes. Default 65,536. */
  readonly limitOfAll?: number;
  /** An event is forgotten whose span will not know of it. */
  readonly onForgotten: () => void;
}

const LIMIT_OF_ALL = 65_536;
/** Connections that were reset from here whose reset may still come: the kernel tells of it right behind the end. */
const MOST_ENDED = 4_096;
const nothing: Happened = { events: [], dropped: 0 };

export class SpanEvents {
  readonly #memories = new Map<bigint, Memory>();
  readonly #ended = new Set<bigint>();
  readonly #limit: number;
  readonly #limitOfAll: number;
  readonly #onForgotten: () => void;
  /** Events in all memories. */
  #size = 0;

  constructor({ limit, limitOfAll = LIMIT_OF_ALL, onForgotten }: SpanEventsOptions) {
    this.#limit = limit;
    this.#limitOfAll = limitOfAll;
    this.#onForgotten = onForgotten;
  }

  /** Events that are remembered. */
  get size(): number {
    return this.#size;
  }

  /** Remembers retransmissions and resets; whatever else comes is of no interest here. */
  note(record: ConnectionRecord): void {
    const event = toEvent(record);
    if (event === undefined || this.#isOfNone(record)) return;
    let memory = this.#memories.get(record.cookie);
    if (memory === undefined) {
      memory = { events: [], dropped: 0 };
      this.#memories.set(record.cookie, memory);
    }
    this.#remember(memory, event);
    while (this.#size > this.#limitOfAll || this.#memories.size > this.#limitOfAll) this.#forgetOldest();
  }

  #remember(memory: Memory, event: SpanEvent): void {
    if (memory.events.length >= this.#limit) {
      memory.dropped++;
      return;
    }
    memory.events.push(event);
    this.#size++;
  }

  /** A reset that belongs to no connection, to what remains of one, or to one whose span has it already. */
  #isOfNone({ event, cookie, state }: ConnectionRecord): boolean {
    return event === 'reset' && (cookie === 0n || state === 'time_wait' || this.#ended.delete(cookie));
  }

  /** What happened to the connection that ends with this record, its handshake included; it is forgotten. */
  take(record: ConnectionRecord): Happened {
    const memory = this.#memories.get(record.cookie) ?? nothing;
    this.#memories.delete(record.cookie);
    this.#size -= memory.events.length;
    if (this.#limit === 0) return memory;
    const late = lateReset(record, memory.events);
    if (late.length > 0) this.#awaitReset(record.cookie);
    return { ...memory, events: [...handshake(record), ...memory.events, ...late] };
  }

  #awaitReset(cookie: bigint): void {
    this.#ended.add(cookie);
    if (this.#ended.size <= MOST_ENDED) return;
    for (const oldest of this.#ended) return void this.#ended.delete(oldest);
  }

  /** A connection whose end was lost, or one that has lived longer than most. */
  #forgetOldest(): void {
    for (const [cookie, { events, dropped }] of this.#memories) {
      this.#memories.delete(cookie);
      this.#size -= events.length;
      for (let lost = events.length + dropped; lost > 0; lost--) this.#onForgotten();
      return;
    }
  }
}

function handshake({ handshakeDuration: seconds, startTime }: ConnectionRecord): SpanEvent[] {
  if (seconds === undefined) return [];
  return [{ name: 'handshake', time: startTime + BigInt(Math.round(seconds * 1e9)), attributes: [] }];
}

/** The kernel tells of a reset that it sends after it told of the end. */
function lateReset({ closeReason, time }: ConnectionRecord, events: readonly SpanEvent[]): SpanEvent[] {
  const direction = { reset_local: 'transmit', reset_remote: 'receive' }[closeReason as string];
  if (direction === undefined || events.some(({ name }) => name === 'reset')) return [];
  return [{ name: 'reset', time, attributes: [['network.io.direction', direction]] }];
}

function toEvent({ event, time, retransmittedSequence, reset }: ConnectionRecord): SpanEvent | undefined {
  if (event === 'retransmit') {
    const key = 'sockflow.tcp.retransmit.sequence';
    return { name: 'retransmit', time, attributes: present([key, retransmittedSequence]) };
  }
  if (event !== 'reset') return undefined;
  const attributes = present(['network.io.direction', reset?.direction], ['sockflow.tcp.reset.reason', reset?.reason]);
  return { name: 'reset', time, attributes };
}

function present(...pairs: (readonly [string, string | number | undefined])[]) {
  return pairs.filter((pair): pair is readonly [string, string | number] => pair[1] !== undefined);
}
