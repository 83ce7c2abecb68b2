/** What a process still holds after each round of test/workloads/captures.ts. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CHECKOUT = join(import.meta.dirname, '../..');

export interface Held {
  /** Bytes of records that the captures of the round gave, of each at least. */
  readonly seen: number;
  readonly rss: number;
  readonly descriptors: number;
  /** BPF programs, maps and links. */
  readonly objects: number;
}

/** `kind`: 'workers', or nothing for captures that are opened and closed, five a round. */
export async function afterRounds(rounds: number, ...kind: readonly string[]): Promise<Held[]> {
  const args = ['--expose-gc', join(CHECKOUT, 'test/workloads/captures.ts'), CHECKOUT, `${rounds}`, ...kind];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Held);
}
