/**
 * The file that `--record` writes. "SOCKFLOW", u32 version, u32 0; then frames: u32 length of the payload, u32 kind, u64
 * time (UNIX nanoseconds), the payload, zeros up to a multiple of 8. All little-endian. A file may end within a frame: its
 * writer was killed.
 */
import { createHash } from 'node:crypto';
import { readSync, writevSync } from 'node:fs';
import * as wire from '../capture/wire.gen.ts';

export const formatVersion = 1;

export const frameKind = {
  /** JSON of `Machine`, the first frame. */
  machine: 1,
  /** Records as the kernel side hands them over. */
  batch: 2,
  /** JSON of `Facts`. */
  facts: 3,
  /** JSON of the kernel's counts at that time. */
  counts: 4,
} as const;

export interface Frame {
  readonly kind: number;
  readonly time: bigint;
  /** Bytes of the file up to its end. */
  readonly end: number;
  /** Its own memory. */
  readonly payload: Buffer<ArrayBuffer>;
}

/** What batches look like: equal layouts have equal names. */
export const wireLayout = createHash('sha256').update(JSON.stringify(wire)).digest('hex').slice(0, 16);

/** Layouts that are read: also one that knew no arguments of processes, and is otherwise the same. */
export const readableLayouts: ReadonlySet<string> = new Set([wireLayout, 'cce3468467a17471']);

const magic = Buffer.from('SOCKFLOW');
const HEAD = 16;
/** More than any batch has; a longer frame is none. */
const LONGEST = 64 * 2 ** 20;

/** Throws what the system says. */
export function writeHead(fd: number): void {
  const head = Buffer.alloc(HEAD);
  magic.copy(head);
  head.writeUInt32LE(formatVersion, 8);
  writeAll(fd, [head]);
}

/** Throws what the system says; the frame may be there in part then. */
export function writeFrame(fd: number, kind: number, time: bigint, payload: Uint8Array): void {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(kind, 4);
  head.writeBigUInt64LE(time, 8);
  writeAll(fd, [head, payload, Buffer.alloc(-payload.length & 7)]);
}

function writeAll(fd: number, parts: readonly Uint8Array[]): void {
  const all = parts.reduce((sum, part) => sum + part.length, 0);
  const written = writevSync(fd, parts);
  // A disk that is nearly full takes a part; the next call says why.
  if (written < all) writeAll(fd, [Buffer.concat(parts).subarray(written)]);
}

/** Why a file is no recording that can be read, in words for its user. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/**
 * The frames from the begin of the file to its end; returns whether it ends within one. Throws a RecordingError for what
 * is no such file, and what the system says.
 */
export function* readFrames(fd: number): Generator<Frame, boolean> {
  checkHead(readBytes(fd, HEAD, 0));
  for (let position = HEAD; ; ) {
    const head = readBytes(fd, HEAD, position);
    if (head.length === 0) return false;
    if (head.length < HEAD) return true;
    const length = head.readUInt32LE(0);
    if (length > LONGEST) throw new RecordingError(`at byte ${position} there is no frame`);
    const payload = readBytes(fd, length, position + HEAD);
    if (payload.length < length) return true;
    position += HEAD + ((length + 7) & ~7);
    yield { kind: head.readUInt32LE(4), time: head.readBigUInt64LE(8), end: position, payload };
  }
}

function checkHead(head: Buffer): void {
  if (head.length < HEAD || !head.subarray(0, magic.length).equals(magic))
    throw new RecordingError('it was not made with --record');
  const version = head.readUInt32LE(8);
  if (version !== formatVersion)
    throw new RecordingError(`it has version ${version} of the format, and this sockflow reads ${formatVersion}`);
}

/** Fewer at the end of the file. */
function readBytes(fd: number, length: number, position: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) return bytes.subarray(0, done);
    done += count;
  }
  return bytes;
}
