/**
 * Up to where the server has what is in the spool. Written beside and renamed, so it is always a whole one; it isn't
 * synced, since an older one only means that some records are sent twice, with the same log.record.uid.
 */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export interface Cursor {
  readonly sequence: number;
  readonly offset: number;
}

const NAME = 'cursor';

/** From the very begin when there is none, or none that is sound. Never throws. */
export function readCursor(directory: string): Cursor {
  try {
    const [, line, sequence, offset, sum] =
      /^(sockflow-cursor 1 (\d{1,15}) (\d{1,15})) ([\da-f]{8})\n$/.exec(
        readFileSync(join(directory, NAME), 'latin1'),
      ) ?? [];
    if (line !== undefined && checksum(line) === sum) return { sequence: Number(sequence), offset: Number(offset) };
  } catch {
    // There is none.
  }
  return { sequence: 0, offset: 0 };
}

/** Rejects with what the file system says. */
export async function writeCursor(directory: string, { sequence, offset }: Cursor): Promise<void> {
  const line = `sockflow-cursor 1 ${sequence} ${offset}`;
  const path = join(directory, NAME);
  await writeFile(`${path}.new`, `${line} ${checksum(line)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}
