import test from 'ava';
import {
  type Batch,
  encodeFrameHeader,
  encodeSegmentHeader,
  readStretch,
  readVersion,
  SEGMENT_HEADER,
  type Stretch,
  VERSION,
} from '../../../src/export/spool/frame.ts';
import { random } from '../../support/random.ts';

const FRAMES = 60;
const pick = random(4711);

function makeBatch(number: number): Batch {
  const bytes = new Uint8Array(number === 0 ? 0 : 1 + Math.floor(pick() * 2200));
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(pick() * 256);
  return { bytes, count: number + 1 };
}

const batches = Array.from({ length: FRAMES }, (_, number) => makeBatch(number));
const encoded = batches.map((batch) => Buffer.concat([encodeFrameHeader(batch), batch.bytes]));
const segment = Buffer.concat([encodeSegmentHeader(), ...encoded]);
/** Where each frame begins and ends. */
const places: { start: number; end: number }[] = [];
for (let at = SEGMENT_HEADER, number = 0; number < FRAMES; at += encoded[number++]?.length ?? 0)
  places.push({ start: at, end: at + (encoded[number]?.length ?? 0) });

/** Reads all of it, frame by frame, as the spool does; fails when reading doesn't get on. */
function readAll(bytes: Buffer): Stretch[] {
  const stretches: Stretch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const stretch = readStretch(bytes.subarray(at), 1, true);
    if (stretch.used <= 0) throw new Error(`no progress at ${at}`);
    stretches.push(stretch);
    at += stretch.used;
  }
  return stretches;
}

const payloadsOf = (bytes: Buffer) => readAll(bytes).flatMap(({ payloads }) => payloads);
const same = (found: readonly Buffer[], wanted: readonly Batch[]) =>
  found.length === wanted.length &&
  found.every((payload, number) => payload.equals(wanted[number]?.bytes as Uint8Array));

test('a segment is about as large as the tests promise', (t) => {
  t.true(segment.length > 60_000, `${segment.length}`);
});

test('what was written is read, frame by frame or many at once', (t) => {
  t.is(readVersion(segment), VERSION);
  const frames = segment.subarray(SEGMENT_HEADER);
  t.true(same(payloadsOf(frames), batches));
  const all = readStretch(frames, segment.length, true);
  t.true(same(all.payloads, batches));
  t.like(all, { used: frames.length, damaged: 0, lost: 0, endsDamaged: false, count: (FRAMES * (FRAMES + 1)) / 2 });
});

/** The frames around a byte: reading has no memory, so those further away can't matter. */
function around(at: number): { first: number; last: number; from: number; to: number } {
  const hit = places.findIndex(({ end }) => end > at);
  const [first, last] = [Math.max(0, hit - 1), Math.min(FRAMES - 1, hit + 2)];
  return { first, last, from: places[first]?.start as number, to: places[last]?.end as number };
}

test('cut off at any byte, all whole frames are read and the records of a torn one are known when its header is whole', (t) => {
  const faults: string[] = [];
  for (let length = SEGMENT_HEADER; length < segment.length; length++) {
    const { first, from } = around(length);
    const stretches = readAll(segment.subarray(from, length));
    const whole = places.findIndex(({ end }) => end > length);
    const found = stretches.flatMap(({ payloads }) => payloads);
    if (!same(found, batches.slice(first, whole))) faults.push(`cut at ${length}`);
    const isKnown = length >= (places[whole]?.start ?? 0) + 20;
    const lost = stretches.reduce((sum, stretch) => sum + stretch.lost, 0);
    if (lost !== (isKnown ? whole + 1 : 0)) faults.push(`cut at ${length}: ${lost} lost`);
  }
  t.deepEqual(faults, []);
});

test('with any byte changed, all other frames are read, and nothing that was not written', (t) => {
  const faults: string[] = [];
  for (let at = SEGMENT_HEADER; at < segment.length; at++) {
    const { first, last, from, to } = around(at);
    const copy = Buffer.from(segment.subarray(from, to));
    copy[at - from] = (copy[at - from] as number) ^ (1 + Math.floor(pick() * 255));
    const hit = places.findIndex(({ end }) => end > at);
    const others = batches.slice(first, last + 1).toSpliced(hit - first, 1);
    if (!same(payloadsOf(copy), others)) faults.push(`byte ${at} changed`);
  }
  t.deepEqual(faults, []);
});

/** What a broken disk or file system may make of a stretch of bytes. */
const harms: Record<string, (bytes: Buffer, from: number, to: number) => Buffer> = {
  'a stretch of zeros': (bytes, from, to) => Buffer.from(bytes).fill(0, from, to),
  'a stretch that is missing': (bytes, from, to) => Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]),
  'a stretch that is there twice': (bytes, from, to) => Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]),
  'a stretch of noise': (bytes, from, to) => {
    const copy = Buffer.from(bytes);
    for (let at = from; at < to; at++) copy[at] = Math.floor(pick() * 256);
    return copy;
  },
  'a stretch from elsewhere': (bytes, from, to) => {
    const copy = Buffer.from(bytes);
    bytes.copy(copy, from, bytes.length - to, bytes.length - from);
    return copy;
  },
};

for (const [name, harm] of Object.entries(harms))
  test(`${name} takes no frame outside of it, and never anything appears that was not written`, (t) => {
    const known = new Set(batches.map(({ bytes }) => Buffer.from(bytes).toString('latin1')));
    const faults: string[] = [];
    for (let round = 0; round < 100; round++) {
      const [one, other] = [pick(), pick()].map(
        (share) => SEGMENT_HEADER + Math.floor(share * (segment.length - SEGMENT_HEADER)),
      );
      const [from, to] = [Math.min(one as number, other as number), Math.max(one as number, other as number)];
      const found = payloadsOf(harm(segment, from, to).subarray(SEGMENT_HEADER)).map((payload) =>
        payload.toString('latin1'),
      );
      const outside = batches.filter((_, number) => {
        const { start, end } = places[number] as { start: number; end: number };
        return end <= from || start >= to;
      });
      const missing = outside.filter(({ bytes }) => !found.includes(Buffer.from(bytes).toString('latin1')));
      if (missing.length > 0 || !found.every((payload) => known.has(payload)))
        faults.push(`round ${round}: ${from}–${to}`);
    }
    t.deepEqual(faults, []);
  });

test('noise alone is read to its end', (t) => {
  for (let round = 0; round < 200; round++) {
    const noise = Buffer.from(Array.from({ length: Math.floor(pick() * 500) }, () => Math.floor(pick() * 256)));
    t.deepEqual(payloadsOf(noise), []);
  }
});

test('a stretch that is not the end asks for the bytes that it needs', (t) => {
  const [frame] = encoded.slice(-1) as [Buffer];
  for (let length = 1; length < frame.length; length++) {
    const { used, needed } = readStretch(frame.subarray(0, length), 1, false);
    t.is(used, 0);
    t.is(needed, length < 20 ? 20 : frame.length);
  }
});
