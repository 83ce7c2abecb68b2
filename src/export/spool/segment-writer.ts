/** Writes batches into segments, each begun anew when the one before is full. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { segmentPath, syncDirectory } from './directory.ts';
import { type Batch, encodeFrameHeader, encodeSegmentHeader, FRAME_HEADER, SEGMENT_HEADER } from './frame.ts';
import { Segment } from './segment.ts';

export interface SegmentWriterOptions {
  readonly directory: string;
  /** Bytes of a segment, unless a single batch has more. */
  readonly segmentBytes: number;
  /** Number of the last segment that there was. */
  readonly sequence: number;
  /** Called with each new segment. */
  readonly onBegin: (segment: Segment) => void;
}

export class SegmentWriter {
  /** The one that is written. */
  current: Segment | undefined;
  /** Number of the last one. */
  sequence: number;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #onBegin: (segment: Segment) => void;
  #file: FileHandle | undefined;
  /** Something is not synced yet. */
  #isDirty = false;

  constructor({ directory, segmentBytes, sequence, onBegin }: SegmentWriterOptions) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.sequence = sequence;
    this.#onBegin = onBegin;
  }

  /** Rejects with what the file system says; then `cutOff` has to follow. */
  async append(batch: Batch): Promise<{ segment: Segment; start: number }> {
    const size = FRAME_HEADER + batch.bytes.length;
    if (this.current && this.current.size + size > this.#segmentBytes) await this.end();
    const segment = this.current ?? (await this.#begin());
    const start = segment.size;
    await writeAll(this.#file as FileHandle, [encodeFrameHeader(batch), batch.bytes], start);
    segment.size = start + size;
    this.#isDirty = true;
    return { segment, start };
  }

  /** A piece of a frame must not stay in front of the next one; where it can't be cut off the segment is left. */
  async cutOff(): Promise<void> {
    await this.#file?.truncate(this.current?.size).catch(() => this.end().catch(() => undefined));
  }

  async sync(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    await this.#file?.datasync();
  }

  /** What comes next goes into a new segment. */
  async end(): Promise<void> {
    const file = this.#file;
    await this.sync();
    this.#file = undefined;
    this.current = undefined;
    await file?.close();
  }

  async #begin(): Promise<Segment> {
    const sequence = ++this.sequence;
    const path = segmentPath(this.#directory, sequence);
    const file = await open(path, 'wx', 0o600);
    try {
      await writeAll(file, [encodeSegmentHeader()], 0);
      await syncDirectory(this.#directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    this.#file = file;
    this.current = new Segment(sequence, path, SEGMENT_HEADER, SEGMENT_HEADER, false);
    this.#onBegin(this.current);
    return this.current;
  }
}

async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  const { bytesWritten } = await file.writev(parts as Uint8Array[], position);
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  if (bytesWritten < size) throw new Error(`only ${bytesWritten} of ${size} bytes could be written: no space is left`);
}
