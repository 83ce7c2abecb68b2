import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readStretch, SEGMENT_HEADER } from '../../src/export/spool/frame.ts';

/** Records in the frames of a spool's files. */
export function recordsIn(spool: string): number {
  const directory = join(spool, 'logs');
  const names = readdirSync(directory).filter((name) => name.endsWith('.spool'));
  const counts = names.map(
    (name) => readStretch(readFileSync(join(directory, name)).subarray(SEGMENT_HEADER), 2 ** 30, true).count,
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
