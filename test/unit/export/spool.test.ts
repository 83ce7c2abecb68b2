/** What is stored comes back, in order and once. */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Place, Stored } from '../../../src/export/spool/spool.ts';
import { batch, lost, numberOf, openSpoolRig, segments, store, takeAll } from '../../support/spool.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('what is stored comes back in order, the bytes alone in their memory', async (t) => {
  const { spool, ledger } = openSpoolRig(temporaryDirectory(t));
  await store(spool, 1, 2, 3, 4, 5);
  const taken = await takeAll(spool);
  t.deepEqual(taken.map(numberOf), [1, 2, 3, 4, 5]);
  t.true(taken.every(({ bytes }) => bytes.buffer.byteLength === bytes.length));
  for (const { place } of taken) spool.done(place);
  t.is(spool.records, 0);
  await spool.close();
  t.deepEqual(lost(ledger), {});
});

test('small batches come back together, as one request', async (t) => {
  const { spool } = openSpoolRig(temporaryDirectory(t));
  for (let number = 1; number <= 100; number++) await spool.append({ bytes: Uint8Array.of(number), count: 1 });
  const taken = await takeAll(spool);
  t.deepEqual(
    taken.flatMap(({ bytes }) => [...bytes]),
    Array.from({ length: 100 }, (_, number) => number + 1),
  );
  t.true(taken.length < 5);
  t.is(
    taken.reduce((sum, { count }) => sum + count, 0),
    100,
  );
  await spool.close();
});

test('the next run gets what was not done, in order, and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const first = openSpoolRig(directory);
  await store(first.spool, 1, 2, 3, 4, 5);
  const taken = await takeAll(first.spool);
  // Out of order: the third is behind the second, which isn't done.
  for (const number of [0, 2]) first.spool.done((taken[number] as Stored).place);
  t.is(first.spool.records, 2 + 4 + 5);
  await first.spool.close();
  const second = openSpoolRig(directory);
  const again = await takeAll(second.spool);
  t.deepEqual(again.map(numberOf), [2, 3, 4, 5]);
  t.true(again.every(({ place }) => place.segment.isOld));
  for (const { place } of again) second.spool.done(place);
  t.is(second.spool.records, 0);
  await second.spool.close();
  t.deepEqual(segments(directory), []);
});

test('a run that is killed leaves what it had stored', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool } = openSpoolRig(directory);
  await store(spool, 1, 2, 3);
  // Nothing is closed; only the lock is this living process's.
  rmSync(join(directory, readdirSync(directory).find((name) => name.startsWith('lock.')) as string));
  const next = openSpoolRig(directory);
  t.deepEqual((await takeAll(next.spool)).map(numberOf), [1, 2, 3]);
  await next.spool.close();
  await spool.close();
});

test('what is sent while it is stored is not read back, unless the agent ended meanwhile', async (t) => {
  const directory = temporaryDirectory(t);
  const first = openSpoolRig(directory);
  await store(first.spool, 1);
  const places: Place[] = [];
  for (const number of [2, 3])
    t.true(
      await first.spool.append(batch(number), (place) => {
        places.push(place);
        return 'held';
      }),
    );
  await store(first.spool, 4);
  t.deepEqual((await takeAll(first.spool)).map(numberOf), [1, 4]);
  t.deepEqual(
    places.map(({ count }) => count),
    [2, 3],
  );
  t.is(first.spool.records, 1 + 2 + 3 + 4);
  await first.spool.close();
  const second = openSpoolRig(directory);
  t.deepEqual((await takeAll(second.spool)).map(numberOf), [1, 2, 3, 4]);
  await second.spool.close();
});

test('what nobody needs any more when it is written is neither counted nor read', async (t) => {
  const { spool } = openSpoolRig(temporaryDirectory(t));
  await store(spool, 1);
  await spool.append(batch(2), () => 'none');
  await store(spool, 3);
  const taken = await takeAll(spool);
  t.deepEqual(taken.map(numberOf), [1, 3]);
  t.is(spool.records, 1 + 3);
  for (const { place } of taken) spool.done(place);
  await spool.close();
  t.is(spool.records, 0);
  t.is(spool.bytes, 0);
});

test('at its limit the oldest records go, counted exactly, and the files never take more', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool, ledger } = openSpoolRig(directory, 2 ** 20);
  const size = () => segments(directory).reduce((sum, name) => sum + lstatSync(join(directory, name)).size, 0);
  let total = 0;
  for (let number = 1; number <= 100; number++) {
    t.true(await spool.append(batch(number, 50_000)));
    total += number;
    t.true(size() <= 2 ** 20 && spool.bytes <= 2 ** 20);
  }
  const taken = await takeAll(spool);
  const kept = taken.reduce((sum, { count }) => sum + count, 0);
  t.is(lost(ledger).spool_full, total - kept);
  t.true(taken.at(-1)?.bytes.includes(100));
  t.is(spool.records, kept);
  await spool.close();
});

test('a batch that is larger than all of the spool is not stored', async (t) => {
  const { spool } = openSpoolRig(temporaryDirectory(t), 2 ** 20);
  t.false(await spool.append(batch(1, 2 ** 20)));
  await store(spool, 2);
  await spool.close();
});

test('files of what is done go away, while it runs', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool } = openSpoolRig(directory, 2 ** 20);
  for (let round = 0; round < 20; round++) {
    await store(spool, 1);
    for (const { place } of await takeAll(spool)) spool.done(place);
    await sleep(10);
  }
  t.true(segments(directory).length <= 2, `${segments(directory)}`);
  await spool.close();
});
