/**
 * Captures that come and go leave nothing in the process that had them, and take no process down with them.
 * test/integration/addon.test.ts has more of them, and looks at memory, too.
 */
import test from 'ava';
import { afterRounds } from '../support/rounds.ts';

test.serial('captures, opened and closed, leave no BPF object and no descriptor', async (t) => {
  const held = await afterRounds(2);
  t.is(held.length, 2);
  t.true(held.every(({ seen }) => seen > 10_000));
  t.deepEqual(new Set(held.map(({ objects }) => objects)), new Set([0]));
  t.is(new Set(held.map(({ descriptors }) => descriptors)).size, 1);
});

test.serial('a worker thread that watches can be terminated', async (t) => {
  const held = await afterRounds(2, 'workers');
  t.is(held.length, 2);
  t.true(held.every(({ seen }) => seen > 0));
  t.deepEqual(new Set(held.map(({ objects }) => objects)), new Set([0]));
  t.is(new Set(held.map(({ descriptors }) => descriptors)).size, 1);
});
