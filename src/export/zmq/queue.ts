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

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns what has to go for it. */
  push(payload: Payload): Payload[] {
    this.#payloads.add(payload);
    this.#bytes += sizeOf(payload);
    const dropped: Payload[] = [];
    while (this.#bytes > this.#limit) dropped.push(this.shift() as Payload);
    return dropped;
  }

  /** Takes the oldest. */
  shift(): Payload | undefined {
    const first = this.#payloads.values().next().value;
    if (!first) return undefined;
    this.#payloads.delete(first);
    this.#bytes -= sizeOf(first);
    return first;
  }
}

function sizeOf({ bytes }: Payload): number {
  return bytes.length + OVERHEAD;
}
