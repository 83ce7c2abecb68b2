import test from 'ava';
import { createDeltas } from '../../../src/correlate/deltas.ts';
import type { ConnectionRecord, EventName } from '../../../src/model.ts';

const record = (event: EventName, cookie: bigint, sentBytes: number): ConnectionRecord =>
  ({
    event,
    cookie,
    sentBytes,
    receivedBytes: 10,
    sentPackets: 1,
    receivedPackets: 2,
    end: event === 'close' ? {} : undefined,
  }) as ConnectionRecord;

test('the deltas of a connection add up to its totals', (t) => {
  const complete = createDeltas();
  const sent = [record('update', 1n, 100), record('update', 1n, 250), record('close', 1n, 300)].map((each) => {
    complete(each);
    return each.deltas?.sentBytes;
  });
  t.deepEqual(sent, [100, 150, 50]);
});

test('without an update all is new at the end, and one end does not touch another connection', (t) => {
  const complete = createDeltas();
  complete(record('update', 1n, 100));
  const other = record('close', 2n, 70);
  complete(other);
  t.deepEqual(other.deltas, { sentBytes: 70, receivedBytes: 10, sentPackets: 1, receivedPackets: 2 });
});

test('events in the middle of a life change nothing', (t) => {
  const complete = createDeltas();
  complete(record('update', 1n, 100));
  complete(record('retransmit', 1n, 120));
  const close = record('close', 1n, 150);
  complete(close);
  t.is(close.deltas?.sentBytes, 50);
});

test('an end forgets: the same cookie begins at nothing', (t) => {
  const complete = createDeltas();
  complete(record('update', 1n, 100));
  complete(record('close', 1n, 100));
  const again = record('close', 1n, 5);
  complete(again);
  t.is(again.deltas?.sentBytes, 5);
});

test('what a connection moved before it was found is no delta', (t) => {
  const complete = createDeltas();
  const found = { ...record('update', 3n, 1000), baseline: true };
  complete(found);
  const close = record('close', 3n, 1400);
  complete(close);
  t.is(found.deltas?.sentBytes, 0);
  t.is(close.deltas?.sentBytes, 400);
});
