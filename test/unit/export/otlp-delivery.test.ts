import { rmSync } from 'node:fs';
import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test, { type ExecutionContext } from 'ava';
import { Delivery, type DeliveryLimits } from '../../../src/export/otlp/delivery.ts';
import { type EncodedBatch, LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { encodeMetrics } from '../../../src/export/otlp/metrics/requests.ts';
import { splitRequest } from '../../../src/export/otlp/split.ts';
import { createRecordAttributes } from '../../../src/export/semconv.ts';
import { openSpool, type Spool } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { countLogs, decodeLogs, decodeMetrics } from '../../support/otlp-decode.ts';
import { host, makeRecord, makeVariedRecords, ownNetworkNamespace } from '../../support/otlp-records.ts';
import {
  ok,
  refused,
  type Scripted,
  type ScriptedTransport,
  scriptedTransport,
} from '../../support/scripted-transport.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const attributes = createRecordAttributes({ ownNetworkNamespace });

function encode(records: readonly ConnectionRecord[]): EncodedBatch {
  const writer = new LogWriter({ attributes, host });
  for (const record of records) writer.add(record, 1n);
  return writer.take();
}

const batchOf = (count: number, first = 0) =>
  encode(Array.from({ length: count }, (_, number) => makeRecord(first + number)));

function uidsOf(bytes: Uint8Array): unknown[] {
  return decodeLogs(bytes).flatMap(({ scopes }) =>
    scopes.flatMap(({ items }) => items.map((item) => item.attributes['log.record.uid']?.value)),
  );
}

const allUids = (requests: readonly Uint8Array[]) => requests.flatMap(uidsOf).sort();

interface Rig {
  transport: ScriptedTransport;
  delivery: Delivery;
  ledger: Ledger;
  said: string[];
}

function createRig(
  answer: (bytes: Uint8Array, number: number) => Scripted,
  limits: DeliveryLimits = {},
  spool?: Spool,
  ledger = new Ledger(),
): Rig {
  const transport = scriptedTransport(answer);
  const said: string[] = [];
  const delivery = new Delivery({
    name: 'test',
    title: 'test',
    transport,
    ledger,
    say: (message) => void said.push(message),
    limits: { retryMs: [1, 5], ...limits },
    spool,
  });
  return { transport, delivery, ledger, said };
}

const later = () => Date.now() + 60_000;
const sent = ({ ledger }: Rig) => ledger.sent.get('test') ?? 0;
const lost = ({ ledger }: Rig) =>
  Object.fromEntries(ledger.lost.map(({ stage, reason, count }) => [`${stage}/${reason}`, count]));

test('halves of a request hold what it held: each record once, with its resource and scope', (t) => {
  const batch = encode(makeVariedRecords());
  const parts = splitRequest(batch) ?? [];
  t.deepEqual(
    parts.map(({ count }) => count),
    [100, 100],
  );
  t.deepEqual(
    parts.map(({ bytes }) => countLogs(bytes)),
    [100, 100],
  );
  const flat = (bytes: Uint8Array) =>
    decodeLogs(bytes).flatMap(({ scopes, ...resource }) =>
      scopes.flatMap(({ items, ...scope }) => items.map((item) => ({ ...resource, scope, item }))),
    );
  t.deepEqual(
    parts.flatMap(({ bytes }) => flat(bytes)),
    flat(batch.bytes),
  );
});

test('what is no request and what is one record is not divided', (t) => {
  t.is(splitRequest(batchOf(1)), undefined);
  t.is(splitRequest({ bytes: Uint8Array.of(0x0a, 0x7f, 1), count: 2 }), undefined);
});

/** A request with the values 0, 1, … as points of so many metrics. */
async function metricsOf(...points: readonly number[]): Promise<EncodedBatch> {
  const metrics = points.map((count, number) => ({
    descriptor: { name: `m${number}`, description: '', unit: '1', valueType: 0 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: Array.from({ length: count }, (_, value) => ({
      attributes: {},
      startTime: [1, 0],
      endTime: [2, 0],
      value,
    })),
  }));
  const collection = { resource: emptyResource(), scopeMetrics: [{ scope: { name: 'test' }, metrics }] };
  const batches: EncodedBatch[] = [];
  const encoded = encodeMetrics(collection as unknown as ResourceMetrics, () => undefined);
  for await (const batch of encoded) batches.push(batch);
  return batches[0] as EncodedBatch;
}

test('metrics are divided only where what is divided is what is counted', async (t) => {
  const single = await metricsOf(1, 1, 1, 1, 1);
  const halves = splitRequest(single) ?? [];
  t.deepEqual(
    halves.map(({ count }) => count),
    [3, 2],
  );
  const points = ({ bytes }: EncodedBatch) =>
    decodeMetrics(bytes).flatMap(({ scopes }) => scopes.flatMap(({ items }) => items.flatMap((item) => item.points)));
  t.deepEqual(
    halves.map((half) => points(half).length),
    [3, 2],
  );
  t.is(splitRequest(await metricsOf(3, 3)), undefined);
  t.is(splitRequest(await metricsOf(1, 5)), undefined);
});

test('what cannot be divided is lost whole when it is too large, and has its chances when others pass', async (t) => {
  const large = await metricsOf(2, 40);
  const rig = createRig((bytes) => (bytes.length > 200 ? refused('split', 'resource_exhausted') : ok));
  rig.delivery.push(large);
  rig.delivery.push(await metricsOf(1));
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/too_large': 42 });
  t.is(sent(rig), 1);
  let failures = 0;
  const isLarge = (bytes: Uint8Array) => bytes.length > 200;
  const other = createRig((bytes) => (isLarge(bytes) && failures++ < 20 ? refused('retry', 'unavailable') : ok), {
    retryMs: [0.1, 0.1],
  });
  other.delivery.push(large);
  const small = await metricsOf(1);
  const feed = setInterval(() => other.delivery.push(small), 1);
  await other.transport.until(() => sent(other) > 42);
  clearInterval(feed);
  await other.transport.until(() => failures > 20);
  await other.delivery.shutdown(later());
  t.deepEqual(lost(other), {});
});

test('a request that the server finds too large is divided until it fits, and later ones are smaller from the start', async (t) => {
  const batch = batchOf(300);
  const limit = batch.bytes.length / 5;
  const rig = createRig((bytes) => (bytes.length > limit ? refused('split', 'resource_exhausted') : ok));
  rig.delivery.push(batch);
  await rig.delivery.shutdown(later());
  t.deepEqual(allUids(rig.transport.accepted), allUids([batch.bytes]));
  t.is(sent(rig), 300);
  t.deepEqual(lost(rig), {});
  t.true(rig.delivery.largest <= limit);
  t.is(rig.said.length, 1);
  t.is(rig.delivery.queuedBytes, 0);
});

test('a single record that is too large is counted as that, and what it was with passes', async (t) => {
  const long = makeRecord(7, { localAddress: 'x'.repeat(60_000) });
  const batch = encode([...Array.from({ length: 20 }, (_, number) => makeRecord(100 + number)), long]);
  const rig = createRig((bytes) => (bytes.length > 50_000 ? refused('split', 'resource_exhausted') : ok));
  rig.delivery.push(batch);
  await rig.delivery.shutdown(later());
  t.is(sent(rig), 20);
  t.deepEqual(lost(rig), { 'export/too_large': 1 });
});

for (const place of ['first', 'last'] as const)
  test(`one record that is too large, the ${place} of its batch, does not make later requests tiny`, async (t) => {
    const long = makeRecord(7, { localAddress: 'x'.repeat(60_000) });
    const others = Array.from({ length: 20 }, (_, number) => makeRecord(100 + number));
    const batch = encode(place === 'first' ? [long, ...others] : [...others, long]);
    const rig = createRig((bytes) => (bytes.length > 50_000 ? refused('split', 'resource_exhausted') : ok));
    rig.delivery.push(batch);
    await rig.transport.until(() => sent(rig) === 20);
    t.true(rig.delivery.largest > 50_000, `${rig.delivery.largest}`);
    await rig.delivery.shutdown(later());
    t.deepEqual(lost(rig), { 'export/too_large': 1 });
  });

test('a record that always fails while others pass is isolated and dropped: the others do not wait for it', async (t) => {
  const poison = makeRecord(13, { localAddress: 'poison' });
  const batch = encode([makeRecord(1), poison, makeRecord(2), makeRecord(3)]);
  const isBad = (bytes: Uint8Array) => Buffer.from(bytes).includes('poison');
  const rig = createRig((bytes) => (isBad(bytes) ? refused('retry', 'unavailable') : ok), { retryMs: [0.1, 0.1] });
  rig.delivery.push(batch);
  let pushed = 0;
  const feed = setInterval(() => rig.delivery.push(batchOf(1, 1000 + pushed++)), 1);
  await rig.transport.until(() => (lost(rig)['export/unavailable'] ?? 0) > 0);
  clearInterval(feed);
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/unavailable': 1 });
  t.is(sent(rig), 3 + pushed);
});

test('as long as nothing passes, nothing is dropped for failing', async (t) => {
  let isUp = false;
  const rig = createRig(() => (isUp ? ok : refused('retry', 'unavailable')), { retryMs: [0.01, 0.01] });
  for (let number = 0; number < 5; number++) rig.delivery.push(batchOf(1, number));
  await rig.transport.until(() => rig.transport.requests.length > 200);
  t.deepEqual(lost(rig), {});
  isUp = true;
  await rig.transport.until(() => sent(rig) === 5);
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), {});
  t.true(rig.transport.renewals > 50);
});

test('a server that says when to come back is not asked before', async (t) => {
  const times: number[] = [];
  const rig = createRig((_, number) => {
    times.push(performance.now());
    return number === 0 ? refused('retry', 'resource_exhausted', 200) : ok;
  });
  rig.delivery.push(batchOf(2));
  await rig.transport.until(() => sent(rig) === 2);
  // The clock of timers may be a millisecond behind.
  t.true((times[1] as number) - (times[0] as number) >= 199);
  await rig.delivery.shutdown(later());
});

test('the end cuts such a pause short, and waits for what the server wants then if there is time', async (t) => {
  const rig = createRig((_, number) =>
    number === 0 ? refused('retry', 'unavailable', 500_000) : number < 4 ? refused('retry', 'unavailable', 1) : ok,
  );
  rig.delivery.push(batchOf(2));
  await rig.transport.until(() => rig.transport.requests.length === 1);
  await rig.delivery.shutdown(later());
  t.is(sent(rig), 2);
  t.is(rig.transport.requests.length, 5);
});

test('at the end a server that wants more time than there is is not waited for', async (t) => {
  const rig = createRig(() => refused('retry', 'unavailable', 500_000));
  rig.delivery.push(batchOf(2));
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/shutdown': 2 });
  t.true(rig.transport.closed);
});

test('a request without any answer is given up, on a new connection it passes', async (t) => {
  const rig: Rig = createRig(() => (rig.transport.renewals === 0 ? 'hang' : ok), { stuckMs: 40 });
  for (let number = 0; number < 9; number++) rig.delivery.push(batchOf(10, number * 10));
  await rig.transport.until(() => sent(rig) === 90);
  t.true(rig.delivery.counts.renewals >= 1);
  t.deepEqual(allUids(rig.transport.accepted), allUids([batchOf(90).bytes]));
  t.regex(rig.said[0] as string, /no answer/);
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), {});
});

test('no more than four requests are under way at once', async (t) => {
  const rig = createRig(() => 'hang');
  for (let number = 0; number < 9; number++) rig.delivery.push(batchOf(1, number));
  await rig.transport.until(() => rig.transport.requests.length >= 4);
  t.is(rig.transport.requests.length, 4);
  await rig.delivery.shutdown(Date.now());
  t.deepEqual(lost(rig), { 'export/shutdown': 9 });
});

test('what a server refuses is said once, that it is well again once, and anew when it refuses again', async (t) => {
  const script = ['drop', 'drop', 'ok', 'ok', 'drop', 'ok', 'ok'] as const;
  const rig = createRig((_, number) => (script[number] === 'drop' ? refused('drop', 'permission_denied') : ok));
  for (let number = 0; number < script.length; number++) {
    rig.delivery.push(batchOf(1, number));
    await rig.transport.until(() => rig.delivery.counts.requests === number + 1);
  }
  const kinds = rig.said.map((line) => (/takes records again/.test(line) ? 'well' : 'refused'));
  t.deepEqual(kinds, ['refused', 'well', 'refused', 'well'], rig.said.join('\n'));
  await rig.delivery.shutdown(later());
});

test('a server that refuses every other request does not fill the log', async (t) => {
  const rig = createRig((_, number) => (number % 2 === 0 ? refused('drop', 'internal') : ok));
  for (let number = 0; number < 100; number++) {
    rig.delivery.push(batchOf(1, number));
    await rig.transport.until(() => rig.delivery.counts.requests === number + 1);
  }
  t.deepEqual(lost(rig), { 'export/internal': 50 });
  t.true(rig.said.length <= 4, rig.said.join('\n'));
  t.regex(rig.said[0] as string, /records were refused and are dropped: internal: scripted/);
  t.regex(rig.said[1] as string, /takes records again/);
  await rig.delivery.shutdown(later());
});

interface SpoolRig extends Rig {
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
  const rig = createRig(answer, limits, spool, ledger);
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

interface SlowRig extends Rig {
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
  return { ...createRig(answer, limits, spool as unknown as Spool), ends };
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
