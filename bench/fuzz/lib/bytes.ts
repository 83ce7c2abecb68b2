/** Bytes that were damaged: what disks, networks and people do to them, and numbers at the edges of what fits. */
import type { Random } from './random.ts';

const edges = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  20,
  63,
  64,
  100,
  127,
  128,
  192,
  255,
  256,
  2 ** 15,
  2 ** 16 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** Longer inputs take time and find nothing that shorter ones do not. */
const LONGEST = 4_096;

type Change = (bytes: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

const set: Change = (bytes, random) => {
  bytes[random.below(bytes.length)] = random.oneIn(2) ? random.pick(edges) : random.next();
  return bytes;
};

const flip: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
};

const number: Change = (bytes, random) => {
  const width = random.pick([2, 4]);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const value = random.pick(edges) & (width === 2 ? 0xffff : 0xffff_ffff);
  if (random.oneIn(2)) bytes.writeUIntLE(value >>> 0, at, width);
  else bytes.writeUIntBE(value >>> 0, at, width);
  return bytes;
};

const remove: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  const end = at + 1 + random.below(random.oneIn(4) ? bytes.length - at : 8);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
};

const repeat: Change = (bytes, random) => {
  const at = random.below(bytes.length);
  const part = bytes.subarray(at, at + 1 + random.below(random.oneIn(4) ? bytes.length : 16));
  const times = random.oneIn(16) ? random.below(32) : 1;
  return Buffer.concat([bytes.subarray(0, at), ...Array(times).fill(part), bytes.subarray(at)]);
};

const insert: Change = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const noise = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.next() & 255));
  return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
};

const cut: Change = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));

/** The begin of one and the end of another. */
const cross: Change = (bytes, random, seeds) => {
  const other = random.pick(seeds);
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
};

const changes: readonly Change[] = [set, set, set, flip, flip, number, number, remove, repeat, insert, cut, cross];

/** A seed with up to seven changes; in one of sixteen cases it stays as it is, in another it is noise. */
export function damagedBytes(seeds: readonly Buffer[], random: Random): Buffer {
  const kind = random.below(16);
  if (kind === 0) return Buffer.from(Array.from({ length: random.below(300) }, () => random.next() & 255));
  return damage(Buffer.from(random.pick(seeds)), random, seeds, kind === 1 ? 0 : 1 + random.below(7));
}

/** `bytes` are the caller's own. */
export function damage(bytes: Buffer, random: Random, seeds: readonly Buffer[], times: number): Buffer {
  let changed = bytes;
  for (let left = times; left > 0 && changed.length > 0; left--) changed = random.pick(changes)(changed, random, seeds);
  return changed.subarray(0, Math.max(LONGEST, bytes.length));
}
