/** A spool in a directory of its own, and batches that can be told apart by their first byte. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { openSpool, type Spool, type Stored } from '../../src/export/spool/spool.ts';
import { Ledger } from '../../src/ledger.ts';
import { temporaryDirectory } from './temporary.ts';

interface SpoolRig {
  readonly spool: Spool;
  readonly ledger: Ledger;
  readonly said: string[];
}

export function openSpoolRig(directory: string, limit = 2 ** 26, syncMs = 5): SpoolRig {
  const ledger = new Ledger();
  const said: string[] = [];
  const spool = openSpool({ directory, limit, ledger, say: (message) => void said.push(message), syncMs });
  if (!spool) throw new Error(said.join('\n'));
  return { spool, ledger, said };
}

/** Large enough not to be read together with others. */
export function batch(number: number, size = 300_000) {
  return { bytes: new Uint8Array(size).fill(number), count: number };
}

export const segments = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.spool'));
export const lost = (ledger: Ledger) => Object.fromEntries(ledger.lost.map(({ reason, count }) => [reason, count]));
export const numberOf = ({ bytes }: Stored) => bytes[0] as number;

/** Takes batches until none comes any more. */
export async function takeAll(spool: Spool): Promise<Stored[]> {
  const taken: Stored[] = [];
  for (let quiet = 0; quiet < 20; ) {
    const stored = spool.take();
    if (stored) taken.push(stored);
    quiet = stored ? 0 : quiet + 1;
    // Every piece of work on files is done before this one.
    if (!stored) await spool.settled();
  }
  return taken;
}

export async function store(spool: Spool, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) if (!(await spool.append(batch(number)))) throw new Error(`${number} not stored`);
}

/** Takes `count` batches, however long that takes. */
export async function takeSome(spool: Spool, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const stored = spool.take();
    if (stored) numbers.push(numberOf(stored));
    else await sleep(5);
  }
  return numbers;
}

/** A directory with three segments of two batches each. */
export async function filled(t: ExecutionContext): Promise<string> {
  const directory = temporaryDirectory(t);
  for (const numbers of [
    [1, 2],
    [3, 4],
    [5, 6],
  ]) {
    const { spool } = openSpoolRig(directory);
    await store(spool, ...numbers);
    await spool.close();
  }
  t.is(segments(directory).length, 3);
  return directory;
}

export async function numbersIn(directory: string): Promise<{ numbers: number[]; ledger: Ledger; said: string[] }> {
  const { spool, ledger, said } = openSpoolRig(directory);
  const numbers = (await takeAll(spool)).map(numberOf);
  await spool.close();
  return { numbers, ledger, said };
}
