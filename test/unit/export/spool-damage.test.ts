/** Whatever a crash, a disk or a person does to the files: what is sound is read, the rest is counted. */
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { encodeFrameHeader, encodeSegmentHeader } from '../../../src/export/spool/frame.ts';
import {
  batch,
  filled,
  lost,
  numberOf,
  numbersIn,
  openSpoolRig,
  segments,
  takeAll,
  takeSome,
} from '../../support/spool.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('a torn end is passed over, its records are counted, what follows is read', async (t) => {
  const directory = await filled(t);
  truncateSync(join(directory, segments(directory)[0] as string), 500_000);
  const { numbers, ledger, said } = await numbersIn(directory);
  t.deepEqual(numbers, [1, 3, 4, 5, 6]);
  t.deepEqual(lost(ledger), { spool_damaged: 2 });
  t.regex(said.join(), /its end was cut off/);
});

test('damage in the middle costs that batch alone, and the file is kept beside', async (t) => {
  const directory = await filled(t);
  const path = join(directory, segments(directory)[1] as string);
  const bytes = readFileSync(path);
  bytes[1000] = 99;
  writeFileSync(path, bytes);
  const { spool, ledger } = openSpoolRig(directory);
  const taken = await takeAll(spool);
  t.deepEqual(taken.map(numberOf), [1, 2, 4, 5, 6]);
  t.deepEqual(lost(ledger), { spool_damaged: 3 });
  for (const { place } of taken) spool.done(place);
  await spool.close();
  t.deepEqual(segments(directory), []);
  t.is(readdirSync(directory).filter((name) => name.endsWith('.damaged')).length, 1);
});

test('a segment that is missing, empty or noise holds up nothing', async (t) => {
  const directory = await filled(t);
  const [first, second] = segments(directory) as [string, string];
  rmSync(join(directory, first));
  writeFileSync(join(directory, second), Buffer.alloc(5000, 0xaa));
  writeFileSync(join(directory, '000000000099.spool'), '');
  const { numbers } = await numbersIn(directory);
  t.deepEqual(numbers, [5, 6]);
});

test('a damaged header of a segment costs no batch', async (t) => {
  const directory = await filled(t);
  const path = join(directory, segments(directory)[0] as string);
  const bytes = readFileSync(path);
  bytes[9] = 7;
  writeFileSync(path, bytes);
  t.deepEqual((await numbersIn(directory)).numbers, [1, 2, 3, 4, 5, 6]);
});

test('a segment of another version is left alone and said, also by the run after that', async (t) => {
  const directory = await filled(t);
  const path = join(directory, segments(directory)[1] as string);
  const bytes = readFileSync(path);
  encodeSegmentHeader(2).copy(bytes);
  writeFileSync(path, bytes);
  for (let run = 0; run < 2; run++) {
    const { spool, said } = openSpoolRig(directory);
    const taken = await takeAll(spool);
    for (const { place } of taken) spool.done(place);
    t.deepEqual(taken.map(numberOf), run === 0 ? [1, 2, 5, 6] : []);
    await spool.close();
    if (run === 0) t.regex(said.join(), /another version/);
    t.deepEqual(readFileSync(path), bytes);
  }
});

for (const [name, text] of Object.entries({
  none: undefined,
  empty: '',
  noise: '\0\0\0\0',
  'one with a wrong sum': 'sockflow-cursor 1 2 16 00000000\n',
}))
  test(`a cursor that is ${name} means that all is sent again`, async (t) => {
    const directory = await filled(t);
    const path = join(directory, 'cursor');
    if (text === undefined) rmSync(path, { force: true });
    else writeFileSync(path, text);
    t.deepEqual((await numbersIn(directory)).numbers, [1, 2, 3, 4, 5, 6]);
  });

test('bytes behind the last batch, as a file system leaves them after a power failure, are no batch', async (t) => {
  const directory = await filled(t);
  appendFileSync(join(directory, segments(directory)[2] as string), Buffer.alloc(9000));
  t.deepEqual((await numbersIn(directory)).numbers, [1, 2, 3, 4, 5, 6]);
});

test('a frame whose length is a lie is not believed', async (t) => {
  const directory = await filled(t);
  const header = encodeFrameHeader({ bytes: new Uint8Array(1000), count: 9 });
  header.writeUInt32LE(2 ** 30, 4);
  appendFileSync(join(directory, segments(directory)[0] as string), header);
  t.deepEqual((await numbersIn(directory)).numbers, [1, 2, 3, 4, 5, 6]);
});

test('what cannot be read for now is read later, and what is behind it meanwhile', async (t) => {
  const directory = await filled(t);
  const path = join(directory, segments(directory)[1] as string);
  const { spool, ledger, said } = openSpoolRig(directory);
  // Nothing is read before this is done; a link to itself can't be opened, and is replaced in one step below.
  renameSync(path, `${path}.away`);
  symlinkSync(path, path);
  t.deepEqual(await takeSome(spool, 4), [1, 2, 5, 6]);
  while (!ledger.faults.get('export/spool')) await sleep(5);
  renameSync(`${path}.away`, path);
  t.deepEqual(await takeSome(spool, 2), [3, 4]);
  t.regex(said.join(), /ELOOP/);
  t.deepEqual(lost(ledger), {});
  await spool.close();
});

test('a file that is gone is counted, and its records where they are known', async (t) => {
  const directory = await filled(t);
  const old = segments(directory)[1] as string;
  const { spool, ledger, said } = openSpoolRig(directory);
  rmSync(join(directory, old));
  t.deepEqual((await takeAll(spool)).map(numberOf), [1, 2, 5, 6]);
  t.is(ledger.faults.get('export/spool_segment_lost'), 1);
  t.deepEqual(lost(ledger), {});
  t.regex(said.join(), /is given up: ENOENT/);
  await spool.close();
  const own = temporaryDirectory(t);
  const second = openSpoolRig(own, 2 ** 20);
  for (const number of [1, 2, 3, 4, 5]) await second.spool.append(batch(number, 100_000));
  t.is(segments(own).length, 5);
  rmSync(join(own, segments(own)[3] as string));
  t.deepEqual((await takeAll(second.spool)).map(numberOf), [1, 2, 3, 5]);
  t.deepEqual(lost(second.ledger), { spool_missing: 4 });
  t.is(second.ledger.faults.get('export/spool_segment_lost'), 1);
  t.is(second.spool.records, 1 + 2 + 3 + 5);
  await second.spool.close();
});

test('what cannot be read is counted, too, when the limit is reached', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool, ledger } = openSpoolRig(directory, 2 ** 20);
  for (const number of [1, 2, 3]) await spool.append(batch(number, 100_000));
  const path = join(directory, segments(directory)[2] as string);
  rmSync(path);
  // A link to itself can't be opened, but removed.
  symlinkSync(path, path);
  t.deepEqual(await takeSome(spool, 2), [1, 2]);
  for (let number = 11; number <= 20; number++) t.true(await spool.append(batch(number, 100_000)));
  t.is(lost(ledger).spool_full, 3);
  t.is(ledger.faults.get('export/spool_segment_lost'), 1);
  await spool.close();
});
