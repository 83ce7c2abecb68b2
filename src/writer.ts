/** A bounded queue of texts before a descriptor: never waits, never grows beyond its limit, knows what was delivered. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Descriptor } from './descriptor.ts';

export interface WriterCallbacks {
  /** So many texts were written whole. */
  readonly onWritten?: (count: number) => void;
  /** So many texts will never be written: there is no room for them, or the end came first. */
  readonly onDropped?: (count: number, reason: 'full' | 'closed') => void;
  /** The descriptor is of no use any more; what waits is dropped after this. */
  readonly onError?: (error: NodeJS.ErrnoException) => void;
}

/** Bytes of one system call, about: a pipe takes 64 KiB. */
const BATCH = 256 * 1024;
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 32;

export class Writer {
  readonly #descriptor: Descriptor;
  readonly #limit: number;
  readonly #callbacks: WriterCallbacks;
  #queue: string[] = [];
  #next = 0;
  #waiting = 0;
  #batch: string[] = [];
  #batchWritten = 0;
  #isClosed = false;
  #draining: Promise<void> | undefined;

  /** `limit`: characters that may wait, which is bytes for all but exotic names. */
  constructor(descriptor: Descriptor, limit: number, callbacks: WriterCallbacks = {}) {
    this.#descriptor = descriptor;
    this.#limit = limit;
    this.#callbacks = callbacks;
  }

  /** Takes the texts that there is room for. */
  push(texts: readonly string[]): void {
    if (this.#isClosed) this.#drop(texts.length, 'closed');
    else this.#drop(texts.length - this.#keep(texts), 'full');
  }

  /** Returns how many there was room for. What waits longest stays: the reader gets whole stretches, in order. */
  #keep(texts: readonly string[]): number {
    let kept = 0;
    for (const text of texts) {
      if (this.#waiting + text.length > this.#limit) break;
      this.#queue.push(text);
      this.#waiting += text.length;
      kept++;
    }
    return kept;
  }

  /** Writes until the queue is empty; the first attempt is made before this returns. */
  start(): void {
    if (this.#draining || this.#isClosed) return;
    this.#draining = this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  /** Writes what waits until `deadline` (as Date.now()), then drops the rest. Nothing is taken after that. */
  async close(deadline: number): Promise<void> {
    this.start();
    const late = new AbortController();
    const overdue = wait(Math.max(0, deadline - Date.now()), undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([this.#draining, overdue]);
    late.abort();
    this.#abandon();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#takeBatch()) await this.#writeBatch(Buffer.from(this.#batch.join('')));
    } catch (error) {
      if (this.#isClosed) return;
      this.#callbacks.onError?.(error as NodeJS.ErrnoException);
      this.#abandon();
    }
  }

  #takeBatch(): boolean {
    let size = 0;
    while (this.#next < this.#queue.length && size < BATCH) {
      const text = this.#queue[this.#next++] ?? '';
      this.#batch.push(text);
      size += text.length;
    }
    this.#forgetTaken();
    return size > 0 && !this.#isClosed;
  }

  /** Under a reader that is always behind the queue is never empty, so it has to shrink before. */
  #forgetTaken(): void {
    if (this.#next * 2 < this.#queue.length) return;
    this.#queue.splice(0, this.#next);
    this.#next = 0;
  }

  async #writeBatch(bytes: Uint8Array): Promise<void> {
    let pause = FIRST_PAUSE;
    while (this.#batchWritten < bytes.length && !this.#isClosed) {
      const result = this.#descriptor.write(bytes.subarray(this.#batchWritten));
      const written = typeof result === 'number' ? result : await result;
      if (this.#isClosed) return;
      this.#batchWritten += written;
      if (this.#batchWritten === bytes.length) break;
      pause = written > 0 ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
      await wait(pause);
    }
    if (!this.#isClosed) this.#finishBatch();
  }

  #finishBatch(): void {
    const count = this.#batch.length;
    for (const text of this.#batch) this.#waiting -= text.length;
    this.#batch = [];
    this.#batchWritten = 0;
    this.#callbacks.onWritten?.(count);
  }

  /** The texts of the batch that got out whole count as written, all else that waits as dropped. */
  #abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    let rest = this.#batchWritten;
    const whole = this.#batch.findIndex((text) => {
      rest -= Buffer.byteLength(text);
      return rest < 0;
    });
    const written = whole < 0 ? this.#batch.length : whole;
    const left = this.#batch.length - written + this.#queue.length - this.#next;
    this.#batch = [];
    this.#queue = [];
    if (written > 0) this.#callbacks.onWritten?.(written);
    this.#drop(left, 'closed');
  }

  #drop(count: number, reason: 'full' | 'closed'): void {
    if (count > 0) this.#callbacks.onDropped?.(count, reason);
  }
}
