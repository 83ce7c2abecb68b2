/** A bounded queue of texts before a descriptor: never waits, never grows beyond its limit, knows what was delivered. */
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { Descriptor } from './descriptor.ts';

export interface WriterCallbacks {
  /** So many texts were written whole. */
  readonly onWritten?: (count: number) => void;
  /** So many texts will never be written: there is no room for them, or the end came first. */
  readonly onDropped?: (count: number, reason: 'full' | 'closed') => void;
  /** The descriptor is of no use any more; what waits is dropped after this. */
  readonly onError?: (error: NodeJS.ErrnoException) => void;
}

/** What is written as a whole or not at all: a text, or bytes that are none. */
export type Text = string | Uint8Array;

/** Texts as bytes: strings that were put together from parts take several times as much memory. */
interface Chunk {
  readonly bytes: Buffer;
  /** Bytes of each text. */
  readonly sizes: readonly number[];
}

/** A reader that is at work makes room within microseconds: look again so many times before sleeping. */
const EAGER_TRIES = 20;
/** Milliseconds. */
const LONGEST_PAUSE = 32;

/** Milliseconds: how long `#press` may take, how long it sleeps at a time, and for how long without any room. */
const LONGEST_PRESS = 5;
const NAP = 0.2;
const LONGEST_BLOCK = 250;
const bed = new Int32Array(new SharedArrayBuffer(4));

export class Writer {
  readonly #descriptor: Descriptor;
  readonly #limit: number;
  readonly #callbacks: WriterCallbacks;
  readonly #chunks: Chunk[] = [];
  /** Of the first chunk: bytes written, texts written whole, and the bytes written behind these. */
  #offset = 0;
  #done = 0;
  #excess = 0;
  #waiting = 0;
  /** Attempts in a row that found no room. */
  #tries = 0;
  /** When the first of them was; undefined: the last one found room. */
  #blockedSince: number | undefined;
  #isClosed = false;
  #draining: Promise<void> | undefined;

  /** `limit`: bytes that may wait. */
  constructor(descriptor: Descriptor, limit: number, callbacks: WriterCallbacks = {}) {
    this.#descriptor = descriptor;
    this.#limit = limit;
    this.#callbacks = callbacks;
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes the texts that there is room for. What waits longest stays: the reader gets whole stretches, in order. */
  push(texts: readonly Text[]): void {
    if (this.#isClosed) return void this.#drop(texts.length, 'closed');
    const kept = this.#fitting(texts);
    if (kept.length > 0) this.#enqueue(kept);
    this.#drop(texts.length - kept.length, 'full');
    this.#press();
  }

  /** By their characters: bytes are more only for exotic names. */
  #fitting(texts: readonly Text[]): readonly Text[] {
    let room = this.#limit - this.#waiting;
    const end = texts.findIndex((text) => {
      room -= text.length;
      return room < 0;
    });
    return end < 0 ? texts : texts.slice(0, end);
  }

  #enqueue(texts: readonly Text[]): void {
    const chunk = isAllStrings(texts) ? chunkOfStrings(texts) : chunkOfBytes(texts);
    this.#chunks.push(chunk);
    this.#waiting += chunk.bytes.length;
  }

  /** Written before all else, and no text that is counted. */
  begin(head: Uint8Array): void {
    this.#chunks.unshift({ bytes: Buffer.from(head), sizes: [] });
    this.#waiting += head.length;
  }

  /** Writes until nothing waits; the first attempt is made before this returns. */
  start(): void {
    if (this.#isClosed) return;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      // What came in the same turn, behind the last look, would wait for whatever comes next.
      if (this.#chunks.length > 0) this.start();
    });
  }

  /** Writes what waits until `deadline` (as performance.now()), then drops the rest. Nothing is taken after that. */
  async close(deadline: number): Promise<void> {
    this.start();
    const late = new AbortController();
    const overdue = wait(Math.max(0, deadline - performance.now()), undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([this.#written(), overdue]);
    late.abort();
    this.#abandon();
  }

  async #written(): Promise<void> {
    while (this.#draining) await this.#draining;
  }

  async #drain(): Promise<void> {
    try {
      for (let chunk = this.#chunks[0]; chunk && !this.#isClosed; chunk = this.#chunks[0]) {
        this.#advance(chunk, this.#descriptor.write(chunk.bytes.subarray(this.#offset)));
        if (this.#tries > 0) await this.#pause();
      }
    } catch (error) {
      if (this.#isClosed) return;
      this.#callbacks.onError?.(error as NodeJS.ErrnoException);
      this.#abandon();
    }
  }

  #pause(): Promise<void> {
    const beyond = this.#tries - EAGER_TRIES;
    return beyond > 0 ? wait(Math.min(beyond, LONGEST_PAUSE)) : nextTurn();
  }

  /**
   * Under a storm a turn of the event loop brings more than a pipe holds, and a turn is all that a reader has between
   * two attempts of `#drain`. So when much waits, one that is at work gets a few milliseconds; one that isn't, none.
   */
  #press(): void {
    const begin = performance.now();
    if (this.#waiting < this.#limit / 16 || begin - (this.#blockedSince ?? begin) > LONGEST_BLOCK) return;
    for (let chunk = this.#chunks[0]; chunk && performance.now() - begin < LONGEST_PRESS; chunk = this.#chunks[0]) {
      const written = this.#tryWrite(chunk);
      if (written === undefined) return;
      this.#advance(chunk, written);
      if (written === 0) Atomics.wait(bed, 0, 0, NAP);
    }
  }

  /** Undefined: an error, which the next attempt of `#drain` meets again. */
  #tryWrite({ bytes }: Chunk): number | undefined {
    try {
      return this.#descriptor.write(bytes.subarray(this.#offset));
    } catch {
      return undefined;
    }
  }

  #advance({ bytes, sizes }: Chunk, written: number): void {
    if (this.#isClosed) return;
    this.#tries = written > 0 ? 0 : this.#tries + 1;
    this.#blockedSince = written > 0 ? undefined : (this.#blockedSince ?? performance.now());
    this.#waiting -= written;
    this.#offset += written;
    this.#excess += written;
    const before = this.#done;
    for (let size = sizes[this.#done]; size !== undefined && size <= this.#excess; size = sizes[this.#done]) {
      this.#excess -= size;
      this.#done++;
    }
    if (this.#done > before) this.#callbacks.onWritten?.(this.#done - before);
    if (this.#offset === bytes.length) this.#takeNext();
  }

  #takeNext(): void {
    this.#chunks.shift();
    this.#offset = 0;
    this.#done = 0;
    this.#excess = 0;
  }

  #abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const waiting = this.#chunks.reduce((sum, { sizes }) => sum + sizes.length, 0);
    this.#chunks.length = 0;
    this.#drop(waiting - this.#done, 'closed');
  }

  #drop(count: number, reason: 'full' | 'closed'): void {
    if (count > 0) this.#callbacks.onDropped?.(count, reason);
  }
}

function isAllStrings(texts: readonly Text[]): texts is readonly string[] {
  return texts.every((text) => typeof text === 'string');
}

function chunkOfStrings(texts: readonly string[]): Chunk {
  const text = texts.join('');
  const bytes = Buffer.from(text);
  const isAscii = bytes.length === text.length;
  return { bytes, sizes: texts.map((each) => (isAscii ? each.length : Buffer.byteLength(each))) };
}

function chunkOfBytes(texts: readonly Text[]): Chunk {
  const parts = texts.map((text) => (typeof text === 'string' ? Buffer.from(text) : text));
  return { bytes: Buffer.concat(parts), sizes: parts.map(({ length }) => length) };
}
