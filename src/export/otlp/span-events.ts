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

/** Live connections that are remembered; of others events are dropped, and their spans do not know it. */
const MOST_CONNECTIONS = 65_536;
const nothing: Happened = { events: [], dropped: 0 };

export class SpanEvents {
  readonly #memories = new Map<bigint, Memory>();
  readonly #limit: number;

  /** `limit`: events of one span. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Remembers retransmissions and resets; whatever else comes is of no interest here. */
  note(record: ConnectionRecord): void {
    const event = toEvent(record);
    if (event === undefined) return;
    let memory = this.#memories.get(record.cookie);
    if (memory === undefined) {
      if (this.#memories.size >= MOST_CONNECTIONS) this.#forgetOldest();
      memory = { events: [], dropped: 0 };
      this.#memories.set(record.cookie, memory);
    }
    if (memory.events.length < this.#limit) memory.events.push(event);
    else memory.dropped++;
  }

  /** What happened to the connection that ends with this record, its handshake included; it is forgotten. */
  take(record: ConnectionRecord): Happened {
    const memory = this.#memories.get(record.cookie) ?? nothing;
    this.#memories.delete(record.cookie);
    if (this.#limit === 0) return memory;
    return { ...memory, events: [...handshake(record), ...memory.events, ...lateReset(record, memory.events)] };
  }

  /** A connection whose end was lost, or that was reset after its end. */
  #forgetOldest(): void {
    for (const cookie of this.#memories.keys()) return void this.#memories.delete(cookie);
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
