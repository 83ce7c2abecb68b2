/** What becomes of batches where there is a spool. */
import { rmSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { DeliveryLimits } from '../../../src/export/otlp/delivery.ts';
import { openSpool, type Spool } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import {
  allUids,
  batchOf,
  createDeliveryRig,
  type DeliveryRig,
  encode,
  later,
  lost,
  sent,
} from '../../support/delivery.ts';
import { makeRecord } from '../../support/otlp-records.ts';
import { ok, refused, type Scripted } from '../../support/scripted-transport.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

interface SpoolRig extends DeliveryRig {
  readonly spool: Spool;
  readonly directory: string;
}

/** `directory`: of an earlier run. */
function createSpoolRig(
  t: ExecutionContext,
  answer: (bytes: Uint8Array, number: number) => Scripted,
  directory = temporaryDirectory(t),
  limits: DeliveryLimits = {},
): SpoolRig {
  const ledger = new Ledger();
  const spool = openSpool({ directory, limit: 2 ** 26, ledger, say: (message) => t.log(message) }) as Spool;
  const rig = createDeliveryRig(answer, limits, spool, ledger);
  return { ...rig, spool, directory };
}

const down = () => refused('retry', 'unavailable');

test('while the server is down records go to the disk and leave memory; when it is back all arrive once', async (t) => {
  let isUp = false;
  const rig = createSpoolRig(t, () => (isUp ? ok : down()));
  for (let number = 0; number < 50; number++) rig.delivery.push(batchOf(20, number * 20));
  await rig.transport.until(() => rig.spool.records === 1000 && rig.delivery.queuedBytes === 0);
  t.deepEqual(lost(rig), {});
  isUp = true;
  await rig.transport.until(() => sent(rig) === 1000);
  await rig.delivery.shutdown(later());
  t.deepEqual(allUids(rig.transport.accepted), allUids([batchOf(1000).bytes]));
  t.is(rig.ledger.restored.size + rig.ledger.kept.size, 0);
  t.is(rig.delivery.spoolBytes, 0);
});

test('what comes while the disk is emptied does not wait behind it', async (t) => {
  let isUp = false;
  const rig = createSpoolRig(t, () => (isUp ? ok : down()));
  // Too large to be read back together.
  for (let number = 0; number < 12; number++) rig.delivery.push(batchOf(500, number * 500));
  await rig.transport.until(() => rig.delivery.queuedBytes === 0);
  isUp = true;
  await rig.transport.until(() => rig.transport.accepted.length > 0);
  const fresh = batchOf(3, 50_000);
  rig.delivery.push(fresh);
  await rig.transport.until(() => sent(rig) === 6003);
  const order = rig.transport.accepted.map(({ length }) => length);
  t.true(order.indexOf(fresh.bytes.length) < order.length - 3, `${order}`);
  await rig.delivery.shutdown(later());
});

test('what the end finds unsent is kept, and the next run delivers it', async (t) => {
  const first = createSpoolRig(t, down);
  first.delivery.push(batchOf(7));
  first.delivery.push(batchOf(4, 7));
  const begin = Date.now();
  await first.delivery.shutdown(later());
  t.true(Date.now() - begin < 30_000);
  t.deepEqual(lost(first), {});
  t.is(first.ledger.kept.get('test'), 11);
  const second = createSpoolRig(t, () => ok, first.directory);
  second.delivery.push(batchOf(2, 100));
  await second.transport.until(() => sent(second) === 13);
  await second.delivery.shutdown(later());
  t.is(second.ledger.restored.get('test'), 11);
  t.deepEqual(allUids(second.transport.accepted), allUids([batchOf(11).bytes, batchOf(2, 100).bytes]));
  t.is(second.ledger.kept.size, 0);
});

test('what is under way without an answer is on the disk, too: an end at any moment finds it there', async (t) => {
  const first = createSpoolRig(t, () => 'hang');
  for (let number = 0; number < 6; number++) first.delivery.push(batchOf(5, number * 5));
  await first.transport.until(() => first.spool.records === 30);
  t.is(first.delivery.queuedBytes, 0);
  await first.spool.close();
  const second = createSpoolRig(t, () => ok, first.directory);
  await second.transport.until(() => sent(second) === 30);
  await second.delivery.shutdown(later());
  t.deepEqual(allUids(second.transport.accepted), allUids([batchOf(30).bytes]));
});

test('an answer that comes late makes the disk forget', async (t) => {
  const answers: (() => void)[] = [];
  const rig = createSpoolRig(t, () => ok);
  const { send } = rig.transport;
  rig.transport.send = (bytes) =>
    new Promise((resolve) => void answers.push(() => void send.call(rig.transport, bytes).then(resolve)));
  rig.delivery.push(batchOf(5));
  await rig.transport.until(() => rig.spool.records === 5);
  for (const answer of answers) answer();
  await rig.transport.until(() => sent(rig) === 5);
  t.is(rig.spool.records, 0);
  await rig.delivery.shutdown(later());
  const next = createSpoolRig(t, () => ok, rig.directory);
  await next.spool.settled();
  await next.delivery.shutdown(later());
  t.is(sent(next), 0);
});

test('a spool that fails leaves the records in memory, up to its limit; what is dropped then is counted', async (t) => {
  let isUp = false;
  const rig = createSpoolRig(t, () => (isUp ? ok : down()), undefined, { queueBytes: 100_000 });
  rmSync(rig.directory, { recursive: true });
  for (let number = 0; number < 300; number++) rig.delivery.push(batchOf(3, number * 3));
  await rig.spool.settled();
  t.true(rig.delivery.queuedBytes <= 100_000);
  const dropped = lost(rig)['export/queue_full'] ?? 0;
  t.true(dropped > 0);
  isUp = true;
  await rig.transport.until(() => sent(rig) + dropped === 900);
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/queue_full': dropped });
});

interface SlowRig extends DeliveryRig {
  /** Each ends one write, as stored or not. */
  readonly ends: ((isStored: boolean) => void)[];
}

/** Whose disk says nothing until it is told to. */
function createSlowRig(answer: () => Scripted, limits: DeliveryLimits = {}): SlowRig {
  const ends: SlowRig['ends'] = [];
  const spool = {
    isBlocked: false,
    take: () => undefined,
    append: () => new Promise<boolean>((resolve) => void ends.push(resolve)),
    close: async () => undefined,
  };
  return { ...createDeliveryRig(answer, limits, spool as unknown as Spool), ends };
}

test('what a disk at last does not take is sent all the same, though nothing else comes', async (t) => {
  let isUp = false;
  const rig = createSlowRig(() => (isUp ? ok : down()));
  for (let number = 0; number < 10; number++) rig.delivery.push(batchOf(2, number * 2));
  await rig.transport.until(() => rig.ends.length === 10);
  isUp = true;
  // The one that is under way passes first, so nothing is when the disk gives the others up.
  await rig.transport.until(() => sent(rig) > 0);
  for (const end of rig.ends) end(false);
  await rig.transport.until(() => sent(rig) === 20);
  t.deepEqual(lost(rig), {});
  await rig.delivery.shutdown(later());
});

test('a disk that stands still holds up nothing: all is sent from memory, which keeps its limit', async (t) => {
  let isUp = false;
  const rig = createSlowRig(() => (isUp ? ok : down()), { queueBytes: 50_000 });
  for (let number = 0; number < 10; number++) rig.delivery.push(batchOf(2, number * 2));
  await rig.transport.until(() => rig.ends.length > 0);
  for (let number = 10; number < 100; number++) rig.delivery.push(batchOf(2, number * 2));
  t.true(rig.delivery.queuedBytes <= 50_000);
  const dropped = lost(rig)['export/queue_full'] ?? 0;
  t.true(dropped > 0);
  isUp = true;
  await rig.transport.until(() => sent(rig) + dropped === 200);
  t.is(rig.delivery.queuedBytes, 0);
  t.deepEqual(lost(rig), { 'export/queue_full': dropped });
  await rig.delivery.shutdown(later());
});

test('what was sent while the disk was busy with it is not kept there', async (t) => {
  const answers: (() => void)[] = [];
  const rig = createSpoolRig(t, () => ok);
  const { send } = rig.transport;
  rig.transport.send = (bytes) =>
    new Promise((resolve) => void answers.push(() => void send.call(rig.transport, bytes).then(resolve)));
  const { append } = rig.spool;
  const free = Promise.withResolvers<void>();
  const ends: Promise<boolean>[] = [];
  rig.spool.append = (...batch) => {
    const end = free.promise.then(() => append.apply(rig.spool, batch));
    ends.push(end);
    return end;
  };
  rig.delivery.push(batchOf(5));
  await rig.transport.until(() => ends.length === 1);
  for (const answer of answers) answer();
  await rig.transport.until(() => sent(rig) === 5);
  free.resolve();
  t.deepEqual(await Promise.all(ends), [true]);
  t.is(rig.spool.records, 0);
  await rig.delivery.shutdown(later());
  t.is(rig.ledger.kept.size, 0);
  t.is(rig.spool.bytes, 0);
});

test('a record from the disk that always fails holds up neither what is behind it nor what is new', async (t) => {
  const poison = encode([makeRecord(13, { localAddress: 'poison' })]);
  const first = createSpoolRig(t, down);
  first.delivery.push(poison);
  for (let number = 0; number < 5; number++) first.delivery.push(batchOf(500, 100 + number * 500));
  await first.delivery.shutdown(later());
  const isBad = (bytes: Uint8Array) => Buffer.from(bytes).includes('poison');
  const second = createSpoolRig(t, (bytes) => (isBad(bytes) ? down() : ok), first.directory, { retryMs: [0.1, 0.1] });
  let pushed = 0;
  const feed = setInterval(() => second.delivery.push(batchOf(1, 10_000 + pushed++)), 1);
  await second.transport.until(() => (lost(second)['export/unavailable'] ?? 0) > 0);
  clearInterval(feed);
  await second.delivery.shutdown(later());
  t.deepEqual(lost(second), { 'export/unavailable': 1 });
  t.is(sent(second), 2500 + pushed);
  t.is(second.ledger.kept.size, 0);
});

test('a batch from the disk that is too large by now is divided, and forgotten when both parts are done', async (t) => {
  const first = createSpoolRig(t, down);
  first.delivery.push(batchOf(100));
  await first.delivery.shutdown(later());
  const second = createSpoolRig(
    t,
    (bytes) => (bytes.length > 30_000 ? refused('split', 'resource_exhausted') : ok),
    first.directory,
  );
  await second.transport.until(() => sent(second) === 100);
  await second.delivery.shutdown(later());
  t.is(second.delivery.spoolBytes, 0);
  t.deepEqual(lost(second), {});
});

test('room is being made while memory is more than half full and the disk is at work, and only then', async (t) => {
  const batch = batchOf(20);
  const limits = { queueBytes: batch.bytes.length * 10 };
  const without = createDeliveryRig(down, limits);
  for (let count = 0; count < 8; count++) without.delivery.push(batch);
  t.false(without.delivery.waiting.isMakingRoom);
  await without.delivery.shutdown(performance.now());
  const rig = createSpoolRig(t, down, undefined, limits);
  for (let count = 0; count < 4; count++) rig.delivery.push(batch);
  t.false(rig.delivery.waiting.isMakingRoom);
  for (let count = 0; count < 4; count++) rig.delivery.push(batch);
  t.true(rig.delivery.waiting.isMakingRoom);
  await rig.transport.until(() => !rig.delivery.waiting.isMakingRoom);
  t.true(rig.spool.records > 0);
  t.deepEqual(lost(rig), {});
  await rig.delivery.shutdown(later());
});
