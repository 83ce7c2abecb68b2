/** Memory of requests is used again when nobody has it any more, and never before. */
import test, { type ExecutionContext } from 'ava';
import { Backlog } from '../../../src/export/otlp/backlog.ts';
import { BatchMemory } from '../../../src/export/otlp/batch-memory.ts';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { openSpool, type Place, type Spool, type Use } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import { observed, table } from '../../support/otlp-both-ways.ts';
import { decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeRecord } from '../../support/otlp-records.ts';
import { eventually } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const KIBIBYTE = 1024;

test('what was given back is used for the next request of about that size', (t) => {
  const memory = new BatchMemory();
  const first = memory.take(513 * KIBIBYTE);
  t.is(first.length, 513 * KIBIBYTE);
  t.true(memory.take(513 * KIBIBYTE).buffer !== first.buffer);
  for (const size of [516, 513, 544]) {
    memory.giveBack(first);
    const next = memory.take(size * KIBIBYTE);
    t.true(next.buffer === first.buffer);
    t.is(next.length, size * KIBIBYTE);
    t.true(memory.take(size * KIBIBYTE).buffer !== first.buffer);
  }
});

test('a small request does not hold the memory of a large one, nor a large one come into a small one', (t) => {
  const memory = new BatchMemory();
  for (const size of [512 * KIBIBYTE, 10 * KIBIBYTE]) memory.giveBack(memory.take(size));
  for (const size of [0, 1, 100, 4095, 4096, 9 * KIBIBYTE, 11 * KIBIBYTE, 400 * KIBIBYTE, 600 * KIBIBYTE]) {
    const bytes = memory.take(size);
    t.is(bytes.length, size);
    t.true(bytes.buffer.byteLength <= size + Math.ceil(size / 16), `${size}`);
  }
});

test('no more is kept than a few requests have', (t) => {
  const memory = new BatchMemory();
  const all = Array.from({ length: 100 }, () => memory.take(512 * KIBIBYTE));
  for (const bytes of all) memory.giveBack(bytes);
  const buffers = new Set(all.map(({ buffer }) => buffer));
  const again = Array.from({ length: 100 }, () => memory.take(512 * KIBIBYTE));
  const kept = again.filter(({ buffer }) => buffers.has(buffer)).length;
  t.true(kept >= 4 && kept <= 8, `${kept}`);
});

test('a request in memory that was used before holds nothing of that', (t) => {
  const writer = new LogWriter({ attributes: table, host });
  const batch = (from: number, count: number) => {
    for (let number = from; number < from + count; number++) writer.add(makeRecord(number), observed);
    return writer.take();
  };
  const first = batch(0, 100);
  first.giveBack?.();
  const second = batch(100, 99);
  t.true(second.bytes.buffer === first.bytes.buffer);
  const items = decodeLogs(second.bytes).flatMap(({ scopes }) => scopes.flatMap((scope) => scope.items));
  t.deepEqual(
    items.map(({ time }) => time),
    Array.from({ length: 99 }, (_, number) => makeRecord(100 + number).time),
  );
});

interface Watched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  givenBack: number;
  giveBack(): void;
}

function watched(count = 2): Watched {
  return {
    bytes: new Uint8Array(1000),
    count,
    givenBack: 0,
    giveBack() {
      this.givenBack++;
    },
  };
}

/** The backlog calls what it was given, not the object. */
function push(backlog: Backlog, batch: Watched): Watched {
  backlog.push({ ...batch, giveBack: () => batch.giveBack() });
  return batch;
}

function take(t: ExecutionContext, backlog: Backlog) {
  const parcel = backlog.next('live');
  if (!parcel) return t.fail('nothing to send') as never;
  return parcel;
}

test('a batch that was sent once and taken gives its memory back', (t) => {
  const backlog = new Backlog(10_000);
  const batch = push(backlog, watched());
  backlog.delivered(take(t, backlog));
  t.is(batch.givenBack, 1);
});

test('one that was sent twice does not: the first time may still be on its way', (t) => {
  const backlog = new Backlog(10_000);
  const batch = push(backlog, watched());
  backlog.putBack(take(t, backlog));
  backlog.delivered(take(t, backlog));
  t.is(batch.givenBack, 0);
});

test('one that was dropped gives it back, unless it was sent before', (t) => {
  const backlog = new Backlog(1500);
  const first = push(backlog, watched());
  const second = push(backlog, watched());
  t.deepEqual([first.givenBack, second.givenBack], [1, 0]);
  backlog.putBack(take(t, backlog));
  push(backlog, watched());
  t.is(backlog.length, 1, 'the second one is dropped');
  t.is(second.givenBack, 0);
});

test('one that was refused or divided does not, and a part gives nothing back of the whole', (t) => {
  const backlog = new Backlog(1500);
  const divided = push(backlog, watched());
  const parts = [watched(1), watched(1)];
  backlog.replace(take(t, backlog), parts);
  backlog.delivered(take(t, backlog));
  backlog.done(take(t, backlog));
  t.is(divided.givenBack, 0);
});

/** A spool whose writes end when `write` is called. */
function slowSpool(t: ExecutionContext): { spool: Spool; writes: (() => void)[] } {
  const options = { limit: 2 ** 26, ledger: new Ledger(), say: (message: string) => t.log(message) };
  const spool = openSpool({ ...options, directory: temporaryDirectory(t) }) as Spool;
  const writes: (() => void)[] = [];
  const append = spool.append.bind(spool);
  spool.append = async (batch, onWritten?: (place: Place) => Use) => {
    await new Promise<void>((resolve) => void writes.push(resolve));
    return append(batch, onWritten);
  };
  t.teardown(() => spool.close());
  return { spool, writes };
}

test('one that the disk is still writing keeps its memory; so do parts of one that is on the disk', async (t) => {
  const { spool, writes } = slowSpool(t);
  const backlog = new Backlog(10_000, spool);
  const [writing, divided] = [push(backlog, watched()), push(backlog, watched())];
  const parcels = [take(t, backlog), take(t, backlog)] as const;
  await eventually(
    'writes',
    () => writes.length,
    (count) => count === 2,
  );
  backlog.delivered(parcels[0]);
  for (const write of writes) write();
  await eventually(
    'batch on the disk',
    () => parcels[1].stored,
    (stored) => stored !== undefined,
  );
  backlog.replace(parcels[1], [
    { bytes: new Uint8Array(500), count: 1 },
    { bytes: new Uint8Array(500), count: 1 },
  ]);
  for (let part = 0; part < 2; part++) backlog.delivered(take(t, backlog));
  t.deepEqual([writing.givenBack, divided.givenBack], [0, 0]);
  await backlog.close();
});
