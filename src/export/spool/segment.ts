/** One file of the spool while it is in use: how far it is written, read and delivered. */
import { type FileHandle, open } from 'node:fs/promises';
import { type Batch, readStretch, readVersion, SEGMENT_HEADER, VERSION } from './frame.ts';

/** Where a batch that was handed out lies. */
export interface Place {
  readonly segment: Segment;
  readonly start: number;
  readonly count: number;
}

/** What one look into a segment brought. */
export interface Reading {
  readonly batch: (Batch & { readonly place: Place }) | undefined;
  /** Bytes that were passed over, and the records that are known to have been in them. */
  readonly damaged: number;
  readonly lost: number;
}

/** Bytes that are read at once: a frame as it is usually written, which is a batch and the record that made it full. */
const CHUNK = 576 * 1024;

export class Segment {
  readonly sequence: number;
  readonly path: string;
  /** Left behind by an earlier run. */
  readonly isOld: boolean;
  /** Bytes that are written whole. */
  size: number;
  /** Where reading goes on. */
  position: number;
  /** Something was damaged in the middle of it, which a mere crash of the agent doesn't do. */
  isDamaged = false;
  /** Records that this run wrote into it to be read, and has not read yet. */
  unread = 0;
  /** Reading failed: not before then again (performance.now()), and how often it did in a row. */
  pausedUntil = 0;
  failures = 0;
  /** Written by a version of the agent that this one doesn't know. */
  isForeign = false;
  readonly #handedOut = new Set<Place>();
  /** Where reading jumps to: over what was being sent, or done, when it was written. */
  readonly #jumps = new Map<number, number>();
  #reader: FileHandle | undefined;

  constructor(sequence: number, path: string, size: number, position: number, isOld: boolean) {
    this.sequence = sequence;
    this.path = path;
    this.size = size;
    this.position = Math.min(position, size);
    this.isOld = isOld;
  }

  get isRead(): boolean {
    this.#jump();
    return this.position >= this.size;
  }

  /** Read, and all that was handed out is done. */
  get isDone(): boolean {
    return this.isRead && this.#handedOut.size === 0;
  }

  /** Nothing before it is needed any more. */
  get cursor(): number {
    let cursor = this.position;
    for (const { start } of this.#handedOut) cursor = Math.min(cursor, start);
    return cursor;
  }

  #handOut(start: number, count: number): Place {
    const place = { segment: this, start, count };
    this.hold(place);
    return place;
  }

  /** Kept until it is `done`. */
  hold(place: Place): void {
    this.#handedOut.add(place);
  }

  /** What was just written won't be read. */
  passOver(start: number, end: number): void {
    this.#jumps.set(start, end);
  }

  done(place: Place): void {
    this.#handedOut.delete(place);
  }

  #jump(): void {
    for (let to = this.#jumps.get(this.position); to !== undefined; to = this.#jumps.get(this.position)) {
      this.#jumps.delete(this.position);
      this.position = to;
    }
  }

  /** The next batch: sound frames until they make `enough` bytes. Moves on by at least a byte. Throws what the file system says. */
  async read(enough: number): Promise<Reading> {
    if (this.position === 0) await this.#readHeader();
    if (this.isRead || this.isForeign) return { batch: undefined, damaged: 0, lost: 0 };
    const start = this.position;
    const { payloads, count, used, damaged, lost, endsDamaged } = await this.#readStretch(enough);
    this.position = start + used;
    this.unread = Math.max(0, this.unread - count - lost);
    if (damaged > 0 && !(endsDamaged && this.isRead)) this.isDamaged = true;
    if (payloads.length === 0) return { batch: undefined, damaged, lost };
    const bytes = new Uint8Array(payloads.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const payload of payloads) {
      bytes.set(payload, at);
      at += payload.length;
    }
    return { batch: { bytes, count, place: this.#handOut(start, count) }, damaged, lost };
  }

  /** A header that is damaged is passed over like a frame that is. */
  async #readHeader(): Promise<void> {
    if (await this.checkForeign()) return;
    if (readVersion(await this.#readBytes(SEGMENT_HEADER, 0)) === VERSION) this.position = SEGMENT_HEADER;
  }

  /** Whether another version of the agent has written it: then it's none of our business. */
  async checkForeign(): Promise<boolean> {
    const version = readVersion(await this.#readBytes(SEGMENT_HEADER, 0));
    this.isForeign = version !== undefined && version !== VERSION;
    return this.isForeign;
  }

  async #readStretch(enough: number) {
    const end = this.#readableEnd();
    for (let length = CHUNK; ; ) {
      const bytes = await this.#readBytes(Math.min(length, end - this.position), this.position);
      const isEnd = bytes.length < length || this.position + bytes.length >= end;
      const stretch = readStretch(bytes, enough, isEnd);
      // No byte where some should be: somebody cut it off.
      if (bytes.length === 0) return { ...stretch, used: end - this.position };
      if (stretch.used > 0) return stretch;
      length = stretch.needed ?? length * 2;
    }
  }

  /** Reading goes to the next jump at most. */
  #readableEnd(): number {
    let end = this.size;
    for (const start of this.#jumps.keys()) if (start > this.position) end = Math.min(end, start);
    return end;
  }

  async #readBytes(length: number, position: number): Promise<Buffer> {
    this.#reader ??= await open(this.path, 'r');
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#reader.read(buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  }

  /** Records in it that were not read yet, as far as they are known, and why more are not. Never throws. */
  async countUnread(): Promise<{ known: number; error: unknown }> {
    let known = 0;
    try {
      while (!this.isRead && !this.isForeign) {
        const { batch, lost } = await this.read(CHUNK);
        if (batch) this.done(batch.place);
        known += lost + (batch?.count ?? 0);
      }
      return { known, error: undefined };
    } catch (error) {
      return { known: known + this.unread, error };
    }
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }
}
