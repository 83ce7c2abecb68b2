/** Cuts what a writer has encoded into batches, by bytes and by time, and hands them to the delivery. */
import type { Delivery } from './delivery.ts';
import type { EncodedBatch } from './request-writer.ts';

/** Where encoded items gather. */
interface ItemWriter {
  /** Items since the last `take`, and the bytes that their request would have. */
  readonly count: number;
  readonly size: number;
  take(): EncodedBatch;
}

export interface BatcherOptions {
  /** Bytes at which a batch is cut. Default 512 KiB; never above 3.75 MiB, since servers refuse more than 4. */
  readonly batchBytes?: number | undefined;
  /** Bytes that may wait; a batch is a quarter of them at most. */
  readonly queueBytes?: number | undefined;
  /** Longest time in milliseconds that an item waits for its batch. */
  readonly flushMs: number;
}

const MEBIBYTE = 1024 * 1024;
const DEFAULT_BATCH = MEBIBYTE / 2;
const LARGEST_BATCH = 3.75 * MEBIBYTE;

export class Batcher {
  readonly #writer: ItemWriter;
  readonly #delivery: Delivery;
  readonly #batchBytes: number;
  readonly #flushMs: number;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(writer: ItemWriter, delivery: Delivery, { batchBytes, queueBytes, flushMs }: BatcherOptions) {
    this.#writer = writer;
    this.#delivery = delivery;
    const quarter = (queueBytes ?? Number.POSITIVE_INFINITY) / 4;
    this.#batchBytes = Math.min(batchBytes ?? DEFAULT_BATCH, LARGEST_BATCH, quarter);
    this.#flushMs = flushMs;
  }

  /** Nothing is taken any more. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Bytes that wait to be sent, the open batch included. */
  get queuedBytes(): number {
    return this.#delivery.queuedBytes + this.#writer.size;
  }

  /** To be called after each item. */
  cutIfFull(): void {
    if (this.#writer.size >= Math.min(this.#batchBytes, this.#delivery.largest)) this.#cut();
  }

  /** To be called after the last of some items: what is left of them waits for more, not for ever. */
  waitForMore(): void {
    if (this.#writer.count > 0) this.#timer ??= setTimeout(() => this.#cut(), this.#flushMs).unref();
  }

  /** Idempotent. */
  shutdown(deadline: number): Promise<void> {
    if (this.#closed) return this.#closed;
    this.#cut();
    this.#closed = this.#delivery.shutdown(deadline);
    return this.#closed;
  }

  #cut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writer.count > 0) this.#delivery.push(this.#writer.take());
  }
}
