/**
 * Batches on disk, for when the server doesn't take them and memory is short. Segments are only ever appended to, and an
 * agent never appends to those of an earlier run, so that whatever a crash left behind is read and never repaired. All
 * work on files is done one piece after the other, off the event loop. After `openSpool` nothing in here throws.
 */
import { rm } from 'node:fs/promises';
import { SpoolBooks, type SpoolBooksOptions, wordsOf } from './books.ts';
import { type Cursor, readCursor, writeCursor } from './cursor.ts';
import {
  listSegments,
  lockDirectory,
  prepareDirectory,
  quarantine,
  segmentPath,
  unlockDirectory,
} from './directory.ts';
import { type Batch, FRAME_HEADER, SEGMENT_HEADER } from './frame.ts';
import { MemoryMark, takeMark } from './memory-mark.ts';
import { nextAttempt } from './pauses.ts';
import { ReadAhead, type Stored } from './read-ahead.ts';
import { type Place, Segment } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';

export type { Batch } from './frame.ts';
export type { Stored } from './read-ahead.ts';
export type { Place } from './segment.ts';

export interface SpoolOptions extends SpoolBooksOptions {
  /** Bytes of all segments together. */
  readonly limit: number;
  /** Default 200. */
  readonly syncMs?: number;
}

/** Of a batch on the disk: to be read back, being sent by whoever stored it, not needed any more. */
export type Use = 'free' | 'held' | 'none';

const LARGEST_SEGMENT = 2 ** 24;
const LEAST_SEGMENT = 64 * 1024;
const SYNC_MS = 200;

/** Undefined when the directory is no good, which was said: the agent runs without it. Never throws. */
export function openSpool(options: SpoolOptions): Spool | undefined {
  try {
    prepareDirectory(options.directory);
    lockDirectory(options.directory);
  } catch (error) {
    options.say(
      `spool: ${options.directory} can't be used: ${wordsOf(error)}; what finds no room in memory is dropped`,
    );
    return undefined;
  }
  try {
    return new Spool(options);
  } catch (error) {
    unlockDirectory(options.directory);
    options.say(
      `spool: ${options.directory} can't be read: ${wordsOf(error)}; what finds no room in memory is dropped`,
    );
    return undefined;
  }
}

export class Spool {
  /** Called when `take` has something that it had not before. */
  onReady: () => void = () => undefined;
  readonly #directory: string;
  readonly #limit: number;
  readonly #books: SpoolBooks;
  /** Oldest first; the last one may be the one that is written. */
  readonly #segments: Segment[];
  readonly #writer: SegmentWriter;
  readonly #readAhead: ReadAhead;
  #memory: MemoryMark | undefined;
  #cursor: Cursor;
  readonly #timer: NodeJS.Timeout;
  #work: Promise<unknown> = Promise.resolve();
  /** Writes in a row that failed. */
  #failures = 0;
  #blockedUntil = 0;
  #isClosed = false;

  constructor(options: SpoolOptions) {
    const { directory, limit, syncMs = SYNC_MS } = options;
    this.#directory = directory;
    this.#limit = limit;
    const books = new SpoolBooks(options);
    this.#books = books;
    books.onCrash(takeMark(directory));
    this.#cursor = readCursor(directory);
    const segments = findSegments(directory, this.#cursor);
    this.#segments = segments;
    this.#writer = new SegmentWriter({
      directory,
      segmentBytes: Math.max(LEAST_SEGMENT, Math.min(LARGEST_SEGMENT, Math.floor(limit / 8))),
      sequence: Math.max(this.#cursor.sequence, segments.at(-1)?.sequence ?? 0),
      onBegin: (segment) => void segments.push(segment),
    });
    const run = <Result>(task: () => Promise<Result>) => this.#run(task);
    this.#readAhead = new ReadAhead({ segments, books, run, onReady: () => this.onReady() });
    this.#timer = setInterval(() => this.#look(), syncMs).unref();
    this.#readAhead.fill();
  }

  /** Keeps in mind, for the next run, how many records are in memory alone: what a crash would take. */
  watchMemory(count: () => number): void {
    this.#memory = new MemoryMark(this.#directory, count, (error) => this.#books.fault(error));
  }

  /** Records that this run put in and that nobody has delivered or lost yet. */
  get records(): number {
    return this.#books.records;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { size, isForeign }) => sum + (isForeign ? 0 : size), 0);
  }

  /**
   * Stores a batch. Resolves to whether it is stored. `onWritten` is called at the very moment: what it says is `held`
   * isn't read back unless the agent ends before its place is `done`.
   */
  async append(batch: Batch, onWritten: (place: Place) => Use = () => 'free'): Promise<boolean> {
    return (await this.#run(async () => !this.isBlocked && (await this.#tryAppend(batch, onWritten)))) ?? false;
  }

  /** It can't take anything for now. */
  get isBlocked(): boolean {
    return this.#isClosed || performance.now() < this.#blockedUntil;
  }

  /** The oldest batch that was read back, if one is at hand; `onReady` tells when there is another one. */
  take(): Stored | undefined {
    return this.#readAhead.take();
  }

  /** Resolves when all that was asked of the disk until now is done. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** What lies there is delivered or lost: it needs to be kept no longer. */
  done(place: Place): void {
    place.segment.done(place);
    if (!place.segment.isOld) this.#books.records -= place.count;
  }

  /** What is not done is there for the next run. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#readAhead.close();
    clearInterval(this.#timer);
    await this.#run(() => this.#settle());
    await this.#run(() => this.#writer.end());
    // Once more: what was written to the end may be done, too.
    await this.#run(() => this.#settle());
    for (const segment of this.#segments) await segment.close().catch(() => undefined);
    await this.#memory?.close();
    unlockDirectory(this.#directory);
  }

  async #tryAppend(batch: Batch, onWritten: (place: Place) => Use): Promise<boolean> {
    const size = SEGMENT_HEADER + FRAME_HEADER + batch.bytes.length;
    if (size > this.#limit) return false;
    try {
      await this.#makeRoom(size);
      const { segment, start } = await this.#writer.append(batch);
      if (this.#failures > 0) this.#books.say(`${this.#directory} takes records again`);
      this.#failures = 0;
      this.#place({ segment, start, count: batch.count }, onWritten);
      this.#readAhead.fill();
      return true;
    } catch (error) {
      await this.#onFailure(error);
      return false;
    }
  }

  #place(place: Place, onWritten: (place: Place) => Use): void {
    const { segment, start, count } = place;
    const use = onWritten(place);
    if (use !== 'free') segment.passOver(start, segment.size);
    if (use === 'held') segment.hold(place);
    if (use === 'free') segment.unread += count;
    if (use !== 'none') this.#books.records += count;
  }

  /** The oldest go when the limit is reached. */
  async #makeRoom(size: number): Promise<void> {
    while (this.bytes + size > this.#limit && this.#segments.length > 0) {
      const segment = this.#segments[0] as Segment;
      if (segment === this.#writer.current) await this.#writer.end();
      const { known, error } = await segment.countUnread();
      this.#books.lose('spool_full', known, segment);
      if (error !== undefined) this.#books.giveUp(segment, error);
      this.#segments.shift();
      await this.#remove([segment]);
    }
  }

  async #onFailure(error: unknown): Promise<void> {
    this.#blockedUntil = nextAttempt(this.#failures);
    if (this.#failures++ === 0)
      this.#books.say(`${this.#directory}: ${wordsOf(error)}; records stay in memory for as long as there is room`);
    await this.#writer.cutOff();
  }

  #look(): void {
    void this.#run(() => this.#settle());
    if (this.#segments.some(({ failures }) => failures > 0)) this.#readAhead.fill();
  }

  /** From time to time: what was written gets on the disk, what was delivered goes. */
  async #settle(): Promise<void> {
    try {
      await this.#writer.sync();
    } catch (error) {
      // What the kernel could not write it may have forgotten, so nothing is added to that file.
      this.#books.fault(error);
      await this.#writer.end().catch(() => undefined);
    }
    const done: Segment[] = [];
    const isOver = (segment: Segment) => segment !== this.#writer.current && segment.isDone;
    for (let first = this.#segments[0]; first && isOver(first); first = this.#segments[0])
      done.push(this.#segments.shift() as Segment);
    await this.#remove(done);
  }

  /** Neither order does harm after a crash between both: a segment that is missing or that the cursor is past is passed over. */
  async #remove(segments: readonly Segment[]): Promise<void> {
    const first = this.#segments[0];
    const cursor = first
      ? { sequence: first.sequence, offset: first.cursor }
      : { sequence: this.#writer.sequence + 1, offset: 0 };
    if (cursor.sequence !== this.#cursor.sequence || cursor.offset !== this.#cursor.offset) {
      this.#cursor = cursor;
      await writeCursor(this.#directory, cursor).catch((error) => this.#books.fault(error));
    }
    for (const segment of segments) await this.#removeOne(segment);
  }

  async #removeOne(segment: Segment): Promise<void> {
    const isForeign = await segment.checkForeign().catch(() => false);
    await segment.close().catch(() => undefined);
    if (isForeign) return;
    if (segment.isDamaged) await quarantine(this.#directory, segment.path).catch(() => undefined);
    await rm(segment.path, { force: true });
  }

  /** One piece of work after the other. */
  #run<Result>(task: () => Promise<Result>): Promise<Result | undefined> {
    const result = this.#work.then(task).catch((error) => {
      this.#books.fault(error);
      return undefined;
    });
    this.#work = result;
    return result;
  }
}

function findSegments(directory: string, { sequence: first, offset }: Cursor): Segment[] {
  return listSegments(directory).map(({ sequence, size }) => {
    // Those before it were delivered: only their removal was cut off.
    const position = sequence < first ? size : sequence === first ? offset : 0;
    return new Segment(sequence, segmentPath(directory, sequence), size, position, true);
  });
}
