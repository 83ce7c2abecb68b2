/**
 * What lies in a segment of the spool: a header, then frames, each a batch. All numbers are little-endian.
 *
 *   segment: "SOCKFLOW" | version u32 | CRC-32 of these 12 bytes u32
 *   frame:   mark u32 | bytes of payload u32 | records in it u32 | CRC-32 of payload u32 | CRC-32 of these 16 bytes u32 | payload
 *
 * Two checksums, so that a length is never believed before it was checked, and the number of records in a frame whose
 * payload is damaged is still known.
 */
import { crc32 } from 'node:zlib';

/** Encoded records. The bytes fill their memory: it may be handed on without a copy. */
export interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

export const VERSION = 1;
export const SEGMENT_HEADER = 16;
export const FRAME_HEADER = 20;
/** Bytes. A header that says more is damaged. */
const LONGEST_PAYLOAD = 64 * 2 ** 20;

const SIGNATURE = Buffer.from('SOCKFLOW');
/** Its first byte is in no UTF-8 text, so no name of a process or host can look like the begin of a frame. */
const MARK = Buffer.of(0xf5, 0x5f, 0xc4, 0x21);

export function encodeSegmentHeader(version = VERSION): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER);
  SIGNATURE.copy(header);
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/** The version that the first bytes of a segment tell for certain; undefined where they are damaged. */
export function readVersion(bytes: Buffer): number | undefined {
  if (bytes.length < SEGMENT_HEADER || !bytes.subarray(0, 8).equals(SIGNATURE)) return undefined;
  return bytes.readUInt32LE(12) === crc32(bytes.subarray(0, 12)) ? bytes.readUInt32LE(8) : undefined;
}

export function encodeFrameHeader({ bytes, count }: Batch): Buffer {
  const header = Buffer.alloc(FRAME_HEADER);
  MARK.copy(header);
  header.writeUInt32LE(bytes.length, 4);
  header.writeUInt32LE(count, 8);
  header.writeUInt32LE(crc32(bytes), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
  return header;
}

export interface FrameHeader {
  readonly length: number;
  readonly count: number;
  readonly crc: number;
}

/** Undefined where no whole and sound header of a frame begins. */
export function readFrameHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (at + FRAME_HEADER > bytes.length || bytes.compare(MARK, 0, 4, at, at + 4) !== 0) return undefined;
  if (bytes.readUInt32LE(at + 16) !== crc32(bytes.subarray(at, at + 16))) return undefined;
  const length = bytes.readUInt32LE(at + 4);
  const [count, crc] = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
  return length <= LONGEST_PAYLOAD ? { length, count, crc } : undefined;
}

/** What a stretch of a segment holds. */
export interface Stretch {
  /** Of the sound frames, in order; the payloads are views into the stretch. */
  readonly payloads: readonly Buffer[];
  readonly count: number;
  /** Bytes that are dealt with; at least one, unless `needed` is set. */
  readonly used: number;
  /** So many bytes from the begin are needed to go on. */
  readonly needed: number | undefined;
  /** Bytes that belong to no sound frame, and the records that are known to have been in them. */
  readonly damaged: number;
  readonly lost: number;
  /** Damage goes on up to `used`: at the end of a segment that is a frame whose writing was cut off. */
  readonly endsDamaged: boolean;
}

/**
 * Takes sound frames from the begin of `bytes` until their payloads make `enough` bytes, passing over what is damaged.
 * `isEnd`: nothing comes behind.
 */
export function readStretch(bytes: Buffer, enough: number, isEnd: boolean): Stretch {
  const payloads: Buffer[] = [];
  let [at, size, count, damaged, lost] = [0, 0, 0, 0, 0];
  let endsDamaged = false;
  const skip = (from: number) => {
    const next = findFrame(bytes, from, isEnd);
    damaged += next - at;
    at = next;
    endsDamaged = true;
  };
  while (at < bytes.length) {
    if (!isEnd && at + FRAME_HEADER > bytes.length) break;
    const header = readFrameHeader(bytes, at);
    if (header === undefined) {
      skip(at + 1);
      continue;
    }
    const payloadAt = at + FRAME_HEADER;
    const end = payloadAt + header.length;
    if (end > bytes.length && !isEnd) break;
    const payload = bytes.subarray(payloadAt, end);
    if (end > bytes.length || crc32(payload) !== header.crc) {
      lost += header.count;
      skip(payloadAt);
      continue;
    }
    if (payloads.length > 0 && size + header.length > enough) break;
    payloads.push(payload);
    [at, size, count, endsDamaged] = [end, size + header.length, count + header.count, false];
  }
  const header = at === 0 ? readFrameHeader(bytes, 0) : undefined;
  const needed = at === 0 && bytes.length > 0 ? FRAME_HEADER + (header?.length ?? 0) : undefined;
  return { payloads, count, used: at, needed, damaged, lost, endsDamaged };
}

/** Where the next sound header begins, at `from` or behind; else as far as none can begin. */
function findFrame(bytes: Buffer, from: number, isEnd: boolean): number {
  for (let at = bytes.indexOf(MARK, from); at >= 0; at = bytes.indexOf(MARK, at + 1))
    if (readFrameHeader(bytes, at) || (!isEnd && at + FRAME_HEADER > bytes.length)) return at;
  return isEnd ? bytes.length : Math.max(from, bytes.length - MARK.length + 1);
}
