/** What becomes of batches, whatever a server answers, as long as there is memory. */
import test from 'ava';
import {
  allUids,
  batchOf,
  createDeliveryRig,
  type DeliveryRig,
  encode,
  later,
  lost,
  metricsOf,
  sent,
} from '../../support/delivery.ts';
import { makeRecord } from '../../support/otlp-records.ts';
import { ok, refused } from '../../support/scripted-transport.ts';

test('what cannot be divided is lost whole when it is too large, and has its chances when others pass', async (t) => {
  const large = await metricsOf(2, 40);
  const rig = createDeliveryRig((bytes) => (bytes.length > 200 ? refused('split', 'resource_exhausted') : ok));
  rig.delivery.push(large);
  rig.delivery.push(await metricsOf(1));
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/too_large': 42 });
  t.is(sent(rig), 1);
  let failures = 0;
  const isLarge = (bytes: Uint8Array) => bytes.length > 200;
  const other = createDeliveryRig(
    (bytes) => (isLarge(bytes) && failures++ < 20 ? refused('retry', 'unavailable') : ok),
    {
      retryMs: [0.1, 0.1],
    },
  );
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
  const rig = createDeliveryRig((bytes) => (bytes.length > limit ? refused('split', 'resource_exhausted') : ok));
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
  const rig = createDeliveryRig((bytes) => (bytes.length > 50_000 ? refused('split', 'resource_exhausted') : ok));
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
    const rig = createDeliveryRig((bytes) => (bytes.length > 50_000 ? refused('split', 'resource_exhausted') : ok));
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
  const rig = createDeliveryRig((bytes) => (isBad(bytes) ? refused('retry', 'unavailable') : ok), {
    retryMs: [0.1, 0.1],
  });
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
  const rig = createDeliveryRig(() => (isUp ? ok : refused('retry', 'unavailable')), { retryMs: [0.01, 0.01] });
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
  const rig = createDeliveryRig((_, number) => {
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
  const rig = createDeliveryRig((_, number) =>
    number === 0 ? refused('retry', 'unavailable', 500_000) : number < 4 ? refused('retry', 'unavailable', 1) : ok,
  );
  rig.delivery.push(batchOf(2));
  await rig.transport.until(() => rig.transport.requests.length === 1);
  await rig.delivery.shutdown(later());
  t.is(sent(rig), 2);
  t.is(rig.transport.requests.length, 5);
});

test('at the end a server that wants more time than there is is not waited for', async (t) => {
  const rig = createDeliveryRig(() => refused('retry', 'unavailable', 500_000));
  rig.delivery.push(batchOf(2));
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), { 'export/shutdown': 2 });
  t.true(rig.transport.closed);
});

test('a request without any answer is given up, on a new connection it passes', async (t) => {
  const rig: DeliveryRig = createDeliveryRig(() => (rig.transport.renewals === 0 ? 'hang' : ok), { stuckMs: 40 });
  for (let number = 0; number < 9; number++) rig.delivery.push(batchOf(10, number * 10));
  await rig.transport.until(() => sent(rig) === 90);
  t.true(rig.delivery.counts.renewals >= 1);
  t.deepEqual(allUids(rig.transport.accepted), allUids([batchOf(90).bytes]));
  t.regex(rig.said[0] as string, /no answer/);
  await rig.delivery.shutdown(later());
  t.deepEqual(lost(rig), {});
});

test('no more than four requests are under way at once', async (t) => {
  const rig = createDeliveryRig(() => 'hang');
  for (let number = 0; number < 9; number++) rig.delivery.push(batchOf(1, number));
  await rig.transport.until(() => rig.transport.requests.length >= 4);
  t.is(rig.transport.requests.length, 4);
  await rig.delivery.shutdown(performance.now());
  t.deepEqual(lost(rig), { 'export/shutdown': 9 });
});

test('what a server refuses is said once, that it is well again once, and anew when it refuses again', async (t) => {
  const script = ['drop', 'drop', 'ok', 'ok', 'drop', 'ok', 'ok'] as const;
  const rig = createDeliveryRig((_, number) => (script[number] === 'drop' ? refused('drop', 'permission_denied') : ok));
  for (let number = 0; number < script.length; number++) {
    rig.delivery.push(batchOf(1, number));
    await rig.transport.until(() => rig.delivery.counts.requests === number + 1);
  }
  const kinds = rig.said.map((line) => (/takes records again/.test(line) ? 'well' : 'refused'));
  t.deepEqual(kinds, ['refused', 'well', 'refused', 'well'], rig.said.join('\n'));
  await rig.delivery.shutdown(later());
});

test('a server that refuses every other request does not fill the log', async (t) => {
  const rig = createDeliveryRig((_, number) => (number % 2 === 0 ? refused('drop', 'internal') : ok));
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
