import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
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
import test, { type ExecutionContext } from 'ava';
import { encodeFrameHeader, encodeSegmentHeader } from '../../../src/export/spool/frame.ts';
import { openSpool, type Place, type Spool, type Stored } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import { eventually } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

interface Rig {
  readonly spool: Spool;
  readonly ledger: Ledger;
  readonly said: string[];
}

function openRig(directory: string, limit = 2 ** 26, syncMs = 5): Rig {
  const ledger = new Ledger();
  const said: string[] = [];
  const spool = openSpool({ directory, limit, ledger, say: (message) => void said.push(message), syncMs });
  if (!spool) throw new Error(said.join('\n'));
  return { spool, ledger, said };
}

/** Large enough not to be read together with others. */
function batch(number: number, size = 300_000) {
  return { bytes: new Uint8Array(size).fill(number), count: number };
}

const segments = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.spool'));
const lost = (ledger: Ledger) => Object.fromEntries(ledger.lost.map(({ reason, count }) => [reason, count]));
const numberOf = ({ bytes }: Stored) => bytes[0] as number;

/** Takes batches until none comes any more. */
async function takeAll(spool: Spool): Promise<Stored[]> {
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

async function store(spool: Spool, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) if (!(await spool.append(batch(number)))) throw new Error(`${number} not stored`);
}

test('what is stored comes back in order, the bytes alone in their memory', async (t) => {
  const { spool, ledger } = openRig(temporaryDirectory(t));
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
  const { spool } = openRig(temporaryDirectory(t));
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
  const first = openRig(directory);
  await store(first.spool, 1, 2, 3, 4, 5);
  const taken = await takeAll(first.spool);
  // Out of order: the third is behind the second, which isn't done.
  for (const number of [0, 2]) first.spool.done((taken[number] as Stored).place);
  t.is(first.spool.records, 2 + 4 + 5);
  await first.spool.close();
  const second = openRig(directory);
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
  const { spool } = openRig(directory);
  await store(spool, 1, 2, 3);
  // Nothing is closed; only the lock is this living process's.
  rmSync(join(directory, readdirSync(directory).find((name) => name.startsWith('lock.')) as string));
  const next = openRig(directory);
  t.deepEqual((await takeAll(next.spool)).map(numberOf), [1, 2, 3]);
  await next.spool.close();
  await spool.close();
});

test('what is sent while it is stored is not read back, unless the agent ended meanwhile', async (t) => {
  const directory = temporaryDirectory(t);
  const first = openRig(directory);
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
  const second = openRig(directory);
  t.deepEqual((await takeAll(second.spool)).map(numberOf), [1, 2, 3, 4]);
  await second.spool.close();
});

test('what nobody needs any more when it is written is neither counted nor read', async (t) => {
  const { spool } = openRig(temporaryDirectory(t));
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
  const { spool, ledger } = openRig(directory, 2 ** 20);
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
  const { spool } = openRig(temporaryDirectory(t), 2 ** 20);
  t.false(await spool.append(batch(1, 2 ** 20)));
  await store(spool, 2);
  await spool.close();
});

test('files of what is done go away, while it runs', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool } = openRig(directory, 2 ** 20);
  for (let round = 0; round < 20; round++) {
    await store(spool, 1);
    for (const { place } of await takeAll(spool)) spool.done(place);
    await sleep(10);
  }
  t.true(segments(directory).length <= 2, `${segments(directory)}`);
  await spool.close();
});

/** A directory with three segments of two batches each. */
async function filled(t: ExecutionContext): Promise<string> {
  const directory = temporaryDirectory(t);
  for (const numbers of [
    [1, 2],
    [3, 4],
    [5, 6],
  ]) {
    const { spool } = openRig(directory);
    await store(spool, ...numbers);
    await spool.close();
  }
  t.is(segments(directory).length, 3);
  return directory;
}

async function numbersIn(directory: string): Promise<{ numbers: number[]; ledger: Ledger; said: string[] }> {
  const { spool, ledger, said } = openRig(directory);
  const numbers = (await takeAll(spool)).map(numberOf);
  await spool.close();
  return { numbers, ledger, said };
}

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
  const { spool, ledger } = openRig(directory);
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
    const { spool, said } = openRig(directory);
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

test('only the agent may look into it', async (t) => {
  const directory = join(temporaryDirectory(t), 'new', 'spool');
  const { spool } = openRig(directory);
  await store(spool, 1);
  await spool.settled();
  t.is(lstatSync(directory).mode & 0o777, 0o700);
  for (const name of readdirSync(directory)) t.is(lstatSync(join(directory, name)).mode & 0o777, 0o600, name);
  await spool.close();
});

test('a place that is no good is said, and stops nothing', (t) => {
  const above = temporaryDirectory(t);
  writeFileSync(join(above, 'file'), '');
  mkdirSync(join(above, 'real'));
  symlinkSync(join(above, 'real'), join(above, 'link'));
  for (const name of ['file', 'link', 'file/below']) {
    const said: string[] = [];
    const options = { directory: join(above, name), limit: 2 ** 20, ledger: new Ledger() };
    t.is(openSpool({ ...options, say: (message) => void said.push(message) }), undefined);
    t.is(said.length, 1);
    t.regex(said[0] as string, /can't be used: .*; what finds no room in memory is dropped/);
  }
});

test('two agents do not share a directory; the dead do not hold it', async (t) => {
  const directory = temporaryDirectory(t);
  const module = join(import.meta.dirname, '../../../src/export/spool/directory.ts');
  const script = `import { lockDirectory } from ${JSON.stringify(module)};
    lockDirectory(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => other.kill('SIGKILL'));
  await once(other.stdout, 'data');
  t.throws(() => openRig(directory), { message: new RegExp(`process ${other.pid} uses it`) });
  other.kill('SIGKILL');
  await once(other, 'exit');
  const { spool } = openRig(directory);
  t.is(readdirSync(directory).filter((name) => name.startsWith('lock.')).length, 1);
  await spool.close();
  t.false(existsSync(join(directory, `lock.${process.pid}`)));
});

test('a directory that goes away is said, and what comes back is used', async (t) => {
  const above = temporaryDirectory(t);
  const directory = join(above, 'spool');
  const { spool, said } = openRig(directory);
  rmSync(directory, { recursive: true });
  t.false(await spool.append(batch(1)));
  t.true(spool.isBlocked);
  t.regex(said[0] as string, /ENOENT.*records stay in memory/);
  mkdirSync(directory, { mode: 0o700 });
  await eventually(
    'spool that takes records again',
    () => spool.isBlocked,
    (isBlocked) => !isBlocked,
  );
  await store(spool, 2);
  t.regex(said.at(-1) as string, /takes records again/);
  t.deepEqual((await takeAll(spool)).map(numberOf), [2]);
  await spool.close();
});

/** Takes `count` batches, however long that takes. */
async function takeSome(spool: Spool, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const stored = spool.take();
    if (stored) numbers.push(numberOf(stored));
    else await sleep(5);
  }
  return numbers;
}

test('what cannot be read for now is read later, and what is behind it meanwhile', async (t) => {
  const directory = await filled(t);
  const path = join(directory, segments(directory)[1] as string);
  const { spool, ledger, said } = openRig(directory);
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
  const { spool, ledger, said } = openRig(directory);
  rmSync(join(directory, old));
  t.deepEqual((await takeAll(spool)).map(numberOf), [1, 2, 5, 6]);
  t.is(ledger.faults.get('export/spool_segment_lost'), 1);
  t.deepEqual(lost(ledger), {});
  t.regex(said.join(), /is given up: ENOENT/);
  await spool.close();
  const own = temporaryDirectory(t);
  const second = openRig(own, 2 ** 20);
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
  const { spool, ledger } = openRig(directory, 2 ** 20);
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
