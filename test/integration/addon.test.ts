/** Captures that come and go many times leave nothing in the process that had them, and take no process down with them. */
import test from 'ava';
import { afterRounds, type Held } from '../support/rounds.ts';

const MIB = 2 ** 20;

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
