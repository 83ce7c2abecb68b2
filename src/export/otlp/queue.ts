/** Encoded batches that wait, oldest first, bounded by their bytes: those in flight count, too, but can't be dropped. */
import type { EncodedBatch } from './log-writer.ts';

/** A batch on its way. */
export interface Parcel extends EncodedBatch {
  /** Times that it failed and other batches had passed since the time before: that says it's this one's fault. */
  outvoted: number;
  /** Batches that had passed when it failed last. */
  passedBefore: number | undefined;
}

export class BatchQueue {
  /** Bytes of all batches that were pushed and not yet released. */
  bytes = 0;
  readonly #limit: number;
  #waiting: Parcel[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Takes a new batch over. Returns the records that were dropped for it: the oldest go first. */
  push(batch: EncodedBatch): number {
    this.#waiting.push(this.#admit(batch));
    let dropped = 0;
    while (this.bytes > this.#limit) {
      const oldest = this.shift();
      if (oldest === undefined) break;
      this.release(oldest);
      dropped += oldest.count;
    }
    return dropped;
  }

  #admit({ bytes, count }: EncodedBatch): Parcel {
    this.bytes += bytes.length;
    return { bytes, count, outvoted: 0, passedBefore: undefined };
  }

  /** The oldest batch, to be sent; `putBack`, `replace` or `release` it afterwards. */
  shift(): Parcel | undefined {
    return this.#waiting.shift();
  }

  /** To be tried again, behind the next one: it may be its own fault that it failed. */
  putBack(parcel: Parcel): void {
    this.#waiting.splice(1, 0, parcel);
  }

  /** Parts of a batch, to be sent next in its place. */
  replace(parcel: Parcel, parts: readonly EncodedBatch[]): void {
    this.release(parcel);
    this.#waiting.unshift(...parts.map((part) => this.#admit(part)));
  }

  /** Its bytes are free again. */
  release(parcel: Parcel): void {
    this.bytes -= parcel.bytes.length;
  }
}
