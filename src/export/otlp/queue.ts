/** Encoded batches that wait, oldest first, bounded by their bytes: those in flight count, too, but can't be dropped. */
import type { EncodedBatch } from './log-writer.ts';

export class BatchQueue {
  /** Bytes of all batches that were pushed and not yet released. */
  bytes = 0;
  readonly #limit: number;
  #waiting: EncodedBatch[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Takes a new batch over. Returns the records that were dropped for it: the oldest go first. */
  push(batch: EncodedBatch): number {
    this.#waiting.push(batch);
    this.bytes += batch.bytes.length;
    let dropped = 0;
    while (this.bytes > this.#limit) {
      const oldest = this.shift();
      if (oldest === undefined) break;
      this.release(oldest);
      dropped += oldest.count;
    }
    return dropped;
  }

  /** The oldest batch, to be sent; `putBack` or `release` it afterwards. */
  shift(): EncodedBatch | undefined {
    return this.#waiting.shift();
  }

  /** Back to the front, to be tried again. */
  putBack(batch: EncodedBatch): void {
    this.#waiting.unshift(batch);
  }

  /** Its bytes are free again. */
  release(batch: EncodedBatch): void {
    this.bytes -= batch.bytes.length;
  }
}
