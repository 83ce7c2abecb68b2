/** Batches as the reader thread hands them over, with records that are nearly right. */
import { sfKind } from '../../../src/capture/wire.gen.ts';
import { concat, spansOf } from '../../../src/recording/records.ts';
import { damage } from './bytes.ts';
import type { Random } from './random.ts';

export function recordsOf(batch: ArrayBuffer): Buffer[] {
  return [...spansOf(new DataView(batch))].map(({ offset, length }) => Buffer.from(batch, offset, length));
}

const kinds = [0, ...Object.values(sfKind), 255];

/** Some records of `seeds`, each with its changes, behind each other; in some cases what is together is damaged, too. */
export function damagedBatch(seeds: readonly Buffer[], random: Random): Buffer {
  const records = Array.from({ length: 1 + random.below(6) }, () => damagedRecord(seeds, random));
  const batch = Buffer.from(concat(records));
  return random.oneIn(8) ? damage(batch, random, seeds, 1 + random.below(3)) : batch;
}

function damagedRecord(seeds: readonly Buffer[], random: Random): Buffer {
  const record = Buffer.from(random.pick(seeds));
  for (let left = random.below(12); left > 0; left--) changeByte(record, random);
  const kind = random.below(64);
  if (kind === 0) record.writeUInt16LE(random.below(300), 2);
  if (kind === 1) record[0] = random.pick(kinds);
  if (kind === 2) return damage(record, random, seeds, 1 + random.below(3));
  if (kind === 3) return longer(record, random);
  return record;
}

/** Never its kind and length. */
function changeByte(record: Buffer, random: Random): void {
  const at = random.below(record.length);
  if (at !== 0 && at !== 2 && at !== 3)
    record[at] = random.oneIn(4) ? random.pick([0, 1, 127, 128, 255]) : random.next();
}

/** With a length that says so: of some kinds any is right. */
function longer(record: Buffer, random: Random): Buffer {
  const more = Buffer.alloc(random.below(4_096), random.next() & 255);
  const whole = Buffer.concat([record, more]);
  whole.writeUInt16LE(whole.length, 2);
  return whole;
}
