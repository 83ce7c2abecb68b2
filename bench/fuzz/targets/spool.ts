/** Segments of the spool after whatever a crash, a disk or a file system made of them. */
import {
  encodeFrameHeader,
  encodeSegmentHeader,
  FRAME_HEADER,
  readStretch,
  readVersion,
  SEGMENT_HEADER,
} from '../../../src/export/spool/frame.ts';
import { damage } from '../lib/bytes.ts';
import { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const FRAMES = 8;
const random = new Random(1, 1);
const payloads = Array.from({ length: FRAMES }, (_, number) =>
  // Each its own bytes, so that it is known which it was.
  Buffer.from([number, ...Array.from({ length: random.below(120) }, () => random.next() & 255)]),
);
const frames = payloads.map((bytes, number) =>
  Buffer.concat([encodeFrameHeader({ bytes: Uint8Array.from(bytes), count: number + 1 }), bytes]),
);
const segment = Buffer.concat([encodeSegmentHeader(), ...frames]);
const known = new Set(payloads.map((payload) => payload.toString('latin1')));

export const spool: Target = {
  name: 'spool',
  reads: 'segments of the spool',
  few: 3_000,
  open: () => ({
    make: (random) => damage(Buffer.from(segment), random, frames, random.below(6)),
    judge(input) {
      readVersion(input);
      const bytes = input.subarray(SEGMENT_HEADER);
      const whole = readWhole(bytes);
      const pieces = readInPieces(bytes);
      expect(whole.join() === pieces.join(), 'in pieces it is read otherwise than as a whole');
      for (const payload of whole) expect(known.has(payload), 'a batch that nobody wrote');
      for (const lost of intactBut(bytes, whole)) expect(false, `batch ${lost} is whole, and was not read`);
      return whole.length > 0;
    },
  }),
};

const textsOf = (found: readonly Buffer[]) => found.map((payload) => payload.toString('latin1'));

function readWhole(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { payloads, used } = readStretch(bytes.subarray(at), 64, true);
    expect(used > 0, `no progress at ${at}`);
    found.push(...textsOf(payloads));
    at += used;
  }
  return found;
}

/** As src/export/spool/segment.ts does, with a look of 48 bytes at a time. */
function readInPieces(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0, length = 48; at < bytes.length; ) {
    const isEnd = at + length >= bytes.length;
    const { payloads, used, needed } = readStretch(bytes.subarray(at, at + length), 64, isEnd);
    expect(used > 0 || (needed ?? 0) > length, `no progress at ${at} with ${length} bytes`);
    found.push(...textsOf(payloads));
    at += used;
    length = used > 0 ? 48 : (needed as number);
  }
  return found;
}

/** Frames that are there whole, and not within what looks like the payload of another. */
function* intactBut(bytes: Buffer, found: readonly string[]): Generator<number> {
  for (const [number, frame] of frames.entries()) {
    const at = bytes.indexOf(frame);
    if (at >= 0 && bytes.length >= at + FRAME_HEADER && !found.includes(payloads[number]?.toString('latin1') ?? ''))
      yield number;
  }
}
