/** Payloads that wait for a subscriber: bounded in bytes, the oldest go first. */
import type { Payload } from './message.ts';

/** What one takes beyond its bytes. */
const OVERHEAD = 256;

export class PayloadQueue {
  readonly #limit: number;
  // Takes from the front in constant time, which an array of many does not.
  readonly #payloads = new Set<Payload>();
  #bytes = 0;

  /** `limit`: bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#payloads.size;
  }

  /** Returns what has to go for it. */
  push(payload: Payload): Payload[] {
    this.#payloads.add(payload);
    this.#bytes += sizeOf(payload);
    const dropped: Payload[] = [];
    while (this.#bytes > this.#limit) dropped.push(this.#shift() as Payload);
    return dropped;
  }

  /** The oldest, which stays. */
  get first(): Payload | undefined {
    return this.#payloads.values().next().value;
  }

  /** It is gone by now if there was no room for it. */
  remove(payload: Payload): boolean {
    const was = this.#payloads.delete(payload);
    if (was) this.#bytes -= sizeOf(payload);
    return was;
  }

  takeAll(): Payload[] {
    const all = [...this.#payloads];
    this.#payloads.clear();
    this.#bytes = 0;
    return all;
  }

  #shift(): Payload | undefined {
    const { first } = this;
    if (first) this.remove(first);
    return first;
  }
}

function sizeOf({ bytes }: Payload): number {
  return bytes.length + OVERHEAD;
}
