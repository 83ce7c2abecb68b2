/**
 * Batches on disk, for when the server doesn't take them and memory is short. Segments are only ever appended to, and an
 * agent never appends to those of an earlier run, so that whatever a crash left behind is read and never repaired. All
 * work on files is done one piece after the other, off the event loop. After `openSpool` nothing in here throws.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Ledger } from '../../ledger.ts';
import { type Cursor, readCursor, writeCursor } from './cursor.ts';
import {
  listSegments,
  lockDirectory,
  prepareDirectory,
  quarantine,
  segmentPath,
  syncDirectory,
  unlockDirectory,
} from './directory.ts';
import { type Batch, encodeFrameHeader, encodeSegmentHeader, FRAME_HEADER, SEGMENT_HEADER } from './frame.ts';
import { type Place, Segment } from './segment.ts';

export type { Batch } from './frame.ts';
export type { Place } from './segment.ts';

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes of all segments together. */
  readonly limit: number;
  readonly ledger: Ledger;
  /** Writes one line to the agent's log. */
  readonly say: (message: string) => void;
  /** Default 200. */
  readonly syncMs?: number;
}

/** A batch that was read back. */
export interface Stored extends Batch {
  readonly place: Place;
}

/** Of a batch on the disk: to be read back, being sent by whoever stored it, not needed any more. */
export type Use = 'free' | 'held' | 'none';

const MEBIBYTE = 2 ** 20;
const LARGEST_SEGMENT = 16 * MEBIBYTE;
const LEAST_SEGMENT = 64 * 1024;
/** Frames are read together until they make so many bytes: small ones of a quiet hour travel in one request. */
const BATCH = MEBIBYTE / 2;
/** Batches that are read ahead. */
const AHEAD = 2;
const SYNC_MS = 200;
/** After a write failed the next one is tried so much later. Milliseconds. */
const PAUSES = [250, 30_000] as const;
const MOST_SAID = 100;

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

function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

export class Spool {
  /** Called when `take` has something that it had not before. */
  onReady: () => void = () => undefined;
  /** Records that this run put in and that nobody has delivered or lost yet. */
  records = 0;
  readonly #directory: string;
  readonly #limit: number;
  readonly #ledger: Ledger;
  readonly #say: (message: string) => void;
  readonly #segmentBytes: number;
  /** Oldest first; the last one may be the one that is written. */
  readonly #segments: Segment[];
  #sequence: number;
  #writer: FileHandle | undefined;
  #written: Segment | undefined;
  readonly #ready: Stored[] = [];
  #isReading = false;
  #cursor: Cursor;
  /** Not synced yet. */
  #isDirty = false;
  readonly #timer: NodeJS.Timeout;
  #work: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #blockedUntil = 0;
  readonly #said = new Set<string>();
  #isClosed = false;

  constructor({ directory, limit, ledger, say, syncMs = SYNC_MS }: SpoolOptions) {
    this.#directory = directory;
    this.#limit = limit;
    this.#ledger = ledger;
    this.#say = say;
    this.#segmentBytes = Math.max(LEAST_SEGMENT, Math.min(LARGEST_SEGMENT, Math.floor(limit / 8)));
    this.#cursor = readCursor(directory);
    const { sequence: first, offset } = this.#cursor;
    this.#segments = listSegments(directory).map(
      ({ sequence, size }) =>
        new Segment(
          sequence,
          segmentPath(directory, sequence),
          size,
          // Those before it were delivered: only their removal was cut off.
          sequence < first ? size : sequence === first ? offset : 0,
          true,
        ),
    );
    this.#sequence = Math.max(first, this.#segments.at(-1)?.sequence ?? 0);
    this.#timer = setInterval(() => this.#look(), syncMs).unref();
    this.#fill();
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
    const stored = this.#ready.shift();
    this.#fill();
    return stored;
  }

  /** Resolves when all that was asked of the disk until now is done. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** What lies there is delivered or lost: it needs to be kept no longer. */
  done(place: Place): void {
    place.segment.done(place);
    if (!place.segment.isOld) this.records -= place.count;
  }

  /** What is not done is there for the next run. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#run(() => this.#settle());
    await this.#run(() => this.#endWriting());
    // Once more: what was written to the end may be done, too.
    await this.#run(() => this.#settle());
    for (const segment of this.#segments) await segment.close().catch(() => undefined);
    unlockDirectory(this.#directory);
  }

  async #tryAppend(batch: Batch, onWritten: (place: Place) => Use): Promise<boolean> {
    const size = FRAME_HEADER + batch.bytes.length;
    if (SEGMENT_HEADER + size > this.#limit) return false;
    try {
      await this.#makeRoom(SEGMENT_HEADER + size);
      const segment = await this.#segmentFor(size);
      const start = segment.size;
      await writeAll(this.#writer as FileHandle, [encodeFrameHeader(batch), batch.bytes], start);
      segment.size = start + size;
      this.#isDirty = true;
      this.#onWritten();
      const place = { segment, start, count: batch.count };
      const use = onWritten(place);
      if (use !== 'free') segment.passOver(start, segment.size);
      if (use === 'held') segment.hold(place);
      if (use === 'free') segment.unread += batch.count;
      if (use !== 'none') this.records += batch.count;
      this.#fill();
      return true;
    } catch (error) {
      await this.#onFailure(error);
      return false;
    }
  }

  /** The oldest go when the limit is reached. */
  async #makeRoom(size: number): Promise<void> {
    while (this.bytes + size > this.#limit && this.#segments.length > 0) {
      const segment = this.#segments[0] as Segment;
      if (segment === this.#written) await this.#endWriting();
      const { known, error } = await segment.countUnread();
      this.#lose('spool_full', known, segment);
      if (error !== undefined) this.#giveUp(segment, error);
      this.#segments.shift();
      await this.#remove([segment]);
    }
  }

  async #segmentFor(size: number): Promise<Segment> {
    if (this.#written && this.#written.size + size > this.#segmentBytes) await this.#endWriting();
    return this.#written ?? (await this.#begin());
  }

  async #begin(): Promise<Segment> {
    const sequence = ++this.#sequence;
    const path = segmentPath(this.#directory, sequence);
    const writer = await open(path, 'wx', 0o600);
    try {
      await writeAll(writer, [encodeSegmentHeader()], 0);
      await syncDirectory(this.#directory);
    } catch (error) {
      await writer.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    const segment = new Segment(sequence, path, SEGMENT_HEADER, SEGMENT_HEADER, false);
    this.#segments.push(segment);
    this.#writer = writer;
    this.#written = segment;
    return segment;
  }

  async #endWriting(): Promise<void> {
    const writer = this.#writer;
    await this.#sync();
    this.#writer = undefined;
    this.#written = undefined;
    await writer?.close();
  }

  #onWritten(): void {
    if (this.#failures > 0) this.#say(`spool: ${this.#directory} takes records again`);
    this.#failures = 0;
  }

  /** A piece of a frame must not stay in front of the next one; where it can't be cut off the segment is left. */
  async #onFailure(error: unknown): Promise<void> {
    const [first, longest] = PAUSES;
    this.#blockedUntil = performance.now() + Math.min(first * 2 ** this.#failures, longest);
    if (this.#failures++ === 0)
      this.#say(`spool: ${this.#directory}: ${wordsOf(error)}; records stay in memory for as long as there is room`);
    const end = this.#written?.size;
    await this.#writer?.truncate(end).catch(() => this.#endWriting().catch(() => undefined));
  }

  async #sync(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    await this.#writer?.datasync();
  }

  #look(): void {
    void this.#run(() => this.#settle());
    if (this.#segments.some(({ failures }) => failures > 0)) this.#fill();
  }

  /** From time to time: what was written gets on the disk, what was delivered goes. */
  async #settle(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      // What the kernel could not write it may have forgotten, so nothing is added to that file.
      this.#fault(error);
      await this.#endWriting().catch(() => undefined);
    }
    const done: Segment[] = [];
    for (let first = this.#segments[0]; first && first !== this.#written && first.isDone; first = this.#segments[0])
      done.push(this.#segments.shift() as Segment);
    await this.#remove(done);
  }

  /** Neither order does harm after a crash between both: a segment that is missing or that the cursor is past is passed over. */
  async #remove(segments: readonly Segment[]): Promise<void> {
    const first = this.#segments[0];
    const cursor = first
      ? { sequence: first.sequence, offset: first.cursor }
      : { sequence: this.#sequence + 1, offset: 0 };
    if (cursor.sequence !== this.#cursor.sequence || cursor.offset !== this.#cursor.offset) {
      this.#cursor = cursor;
      await writeCursor(this.#directory, cursor).catch((error) => this.#fault(error));
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

  /** Reads ahead. */
  #fill(): void {
    if (this.#isReading || this.#isClosed || this.#ready.length >= AHEAD) return;
    this.#isReading = true;
    void this.#run(() => this.#readNext()).then((stored) => {
      this.#isReading = false;
      if (stored === undefined) return;
      this.#ready.push(stored);
      this.#fill();
      this.onReady();
    });
  }

  async #readNext(): Promise<Stored | undefined> {
    for (const segment of this.#segments) {
      while (!segment.isRead && !segment.isForeign && performance.now() >= segment.pausedUntil) {
        const stored = await this.#readFrom(segment);
        if (stored) return stored;
      }
      if (segment.isForeign) this.#passOver(segment);
    }
    return undefined;
  }

  async #readFrom(segment: Segment): Promise<Stored | undefined> {
    try {
      const { batch, damaged, lost } = await segment.read(BATCH);
      if (damaged > 0) this.#onDamage(segment, lost);
      [segment.failures, segment.pausedUntil] = [0, 0];
      return batch;
    } catch (error) {
      await this.#onUnreadable(segment, error);
      return undefined;
    }
  }

  /** What the file system can't do now (EMFILE, EIO) it may do later; what is gone won't come back. */
  async #onUnreadable(segment: Segment, error: unknown): Promise<void> {
    await segment.close().catch(() => undefined);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      this.#fault(error);
      const [first, longest] = PAUSES;
      segment.pausedUntil = performance.now() + Math.min(first * 2 ** segment.failures++, longest);
      return;
    }
    this.#lose('spool_missing', segment.unread, segment);
    this.#giveUp(segment, error);
    [segment.failures, segment.unread, segment.position] = [0, 0, segment.size];
  }

  /** Of an earlier run's segment nobody knows how many records were in it, so the segments are counted. */
  #giveUp(segment: Segment, error: unknown): void {
    this.#ledger.fault('export', 'spool_segment_lost');
    this.#sayOnce(`spool: ${segment.path} is given up: ${wordsOf(error)}`);
  }

  #onDamage(segment: Segment, lost: number): void {
    this.#ledger.fault('export', 'spool_damaged');
    this.#lose('spool_damaged', lost, segment);
    this.#sayOnce(
      `spool: ${segment.path} is damaged: ${segment.isDamaged ? 'what is not is read' : 'its end was cut off'}`,
    );
  }

  #passOver(segment: Segment): void {
    segment.position = segment.size;
    this.#say(`spool: ${segment.path} was written by another version of sockflow: it is left alone`);
  }

  #lose(reason: string, count: number, { isOld }: Segment): void {
    if (count > 0) this.#ledger.lose('export', reason, count);
    if (!isOld) this.records -= count;
  }

  #fault(error: unknown): void {
    this.#ledger.fault('export', 'spool');
    this.#sayOnce(`spool: ${this.#directory}: ${wordsOf(error)}`);
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message) || this.#said.size >= MOST_SAID) return;
    this.#said.add(message);
    this.#say(message);
  }

  /** One piece of work after the other. */
  #run<Result>(task: () => Promise<Result>): Promise<Result | undefined> {
    const result = this.#work.then(task).catch((error) => {
      this.#fault(error);
      return undefined;
    });
    this.#work = result;
    return result;
  }
}

async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  const { bytesWritten } = await file.writev(parts as Uint8Array[], position);
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  if (bytesWritten < size) throw new Error(`only ${bytesWritten} of ${size} bytes could be written: no space is left`);
}
