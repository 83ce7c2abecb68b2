/** Captures that come and go leave nothing in the process that had them, and take no process down with them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const CHECKOUT = join(import.meta.dirname, '../..');
const MIB = 2 ** 20;

interface Held {
  /** Bytes of records that the captures of the round gave, of each at least. */
  readonly seen: number;
  readonly rss: number;
  readonly descriptors: number;
  /** BPF programs, maps and links. */
  readonly objects: number;
}

/** What is held after each round of test/workloads/captures.ts. */
async function afterRounds(rounds: number, ...kind: readonly string[]): Promise<Held[]> {
  const args = ['--expose-gc', join(CHECKOUT, 'test/workloads/captures.ts'), CHECKOUT, `${rounds}`, ...kind];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Held);
}

/** How much more it was at the end than half-way: what is allocated once is there by then. */
function growth(held: readonly Held[]): number {
  const half = held.slice(0, held.length / 2);
  return (held.at(-1)?.rss ?? Number.NaN) - Math.max(...half.map(({ rss }) => rss));
}

test.serial('50 captures, opened and closed, leave no BPF object, no descriptor and no memory', async (t) => {
  const held = await afterRounds(10);
  t.true(held.every(({ seen }) => seen > 10_000));
  t.deepEqual(new Set(held.map(({ objects }) => objects)), new Set([0]));
  t.deepEqual(new Set(held.map(({ descriptors }) => descriptors)).size, 1);
  // One that is not freed has its ring and its copy of the BPF object, some 3 MiB.
  t.true(growth(held) < 8 * MIB, `grew by ${growth(held)} bytes`);
});

test.serial('a worker thread that watches can be terminated at any time', async (t) => {
  const held = await afterRounds(8, 'workers');
  t.true(held.every(({ seen }) => seen > 0));
  t.deepEqual(new Set(held.map(({ objects }) => objects)), new Set([0]));
  t.deepEqual(new Set(held.map(({ descriptors }) => descriptors)).size, 1);
  t.true(growth(held) < 16 * MIB, `grew by ${growth(held)} bytes`);
});
