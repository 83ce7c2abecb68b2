import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createHold, type HoldOptions } from '../../../src/enrich/hold.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { makeRecord } from '../../support/otlp-records.ts';

const hour = 3_600_000;

/** Records wait for the object under their peer address, as long as it is in `awaited`. */
function setUp(t: ExecutionContext, changes: Partial<HoldOptions> = {}) {
  const awaited = new Map<string, object>();
  const emitted: number[][] = [];
  const late: number[] = [];
  const hold = createHold({
    wait: hour,
    keyOf: ({ peerAddress }) => awaited.get(peerAddress),
    emit: (records) => emitted.push(records.map(numberOf)),
    onLate: (count) => late.push(count),
    ...changes,
  });
  t.teardown(() => hold.releaseAll());
  return { awaited, emitted, late, hold };
}

const numberOf = ({ localPort }: ConnectionRecord) => localPort;
const record = (localPort: number, peerAddress = 'free') => makeRecord(1, { localPort, peerAddress });

test('what waits lets everything else pass, and leaves in order when the answer is there', (t) => {
  const { awaited, emitted, late, hold } = setUp(t);
  const key = {};
  awaited.set('a', key);
  t.deepEqual(hold.pass([record(1), record(2, 'a'), record(3)]).map(numberOf), [1, 3]);
  t.deepEqual(hold.pass([record(4, 'a'), record(5)]).map(numberOf), [5]);
  t.deepEqual(emitted, []);
  awaited.clear();
  hold.release(key);
  t.deepEqual(emitted, [[2, 4]]);
  t.deepEqual(hold.pass([record(6, 'a')]).map(numberOf), [6]);
  t.deepEqual(late, []);
});

test('each waits for its own', (t) => {
  const { awaited, emitted, hold } = setUp(t);
  const [a, b] = [{}, {}];
  awaited.set('a', a).set('b', b);
  t.deepEqual(hold.pass([record(1, 'a'), record(2, 'b'), record(3, 'a')]), []);
  hold.release(b);
  t.deepEqual(emitted, [[2]]);
  hold.release(b);
  t.deepEqual(emitted, [[2]], 'once is enough');
  hold.release(a);
  t.deepEqual(emitted, [[2], [1, 3]]);
});

test('an answer that does not come is not waited for longer than allowed, counted, and not waited for again', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const gone: number[] = [];
  const { awaited, late, hold } = setUp(t, {
    wait: 20,
    emit: (records) => {
      gone.push(...records.map(numberOf));
      resolve();
    },
  });
  awaited.set('a', {});
  t.deepEqual(hold.pass([record(1, 'a'), record(2, 'a')]), []);
  await promise;
  t.deepEqual(gone, [1, 2]);
  t.deepEqual(late, [2]);
  t.deepEqual(hold.pass([record(3, 'a')]).map(numberOf), [3]);
  t.deepEqual(late, [2, 1]);
});

test('no more wait than allowed, and none overtakes its own', (t) => {
  const { awaited, emitted, late, hold } = setUp(t, { most: 2 });
  awaited.set('a', {}).set('b', {});
  t.deepEqual(hold.pass([record(1, 'a'), record(2, 'b')]), []);
  t.deepEqual(hold.pass([record(3, 'a'), record(4, 'b'), record(5, 'c')]).map(numberOf), [3, 5], 'b has room again');
  t.deepEqual(emitted, [[1]]);
  t.deepEqual(late, [1, 1]);
});

test('at the end all leave', (t) => {
  const { awaited, emitted, late, hold } = setUp(t);
  awaited.set('a', {}).set('b', {});
  hold.pass([record(1, 'a'), record(2, 'b')]);
  hold.releaseAll();
  t.deepEqual(emitted, [[1], [2]]);
  t.deepEqual(late, [1, 1]);
});

test('without a wait nothing is kept', async (t) => {
  const { awaited, emitted, hold } = setUp(t, { wait: 0 });
  awaited.set('a', {});
  const records = [record(1, 'a')];
  t.is(hold.pass(records), records);
  await sleep(1);
  t.deepEqual(emitted, []);
});
