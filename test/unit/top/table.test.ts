import test from 'ava';
import type { ConnectionRecord } from '../../../src/model.ts';
import { createTable, type Row } from '../../../src/top/table.ts';
import { makeRecord } from '../../support/otlp-records.ts';

const live = { event: 'update', state: 'established', end: undefined } as const;

function update(number: number, sent: number, received: number, changes: Partial<ConnectionRecord> = {}) {
  const deltas = { sentBytes: sent, receivedBytes: received, sentPackets: 10, receivedPackets: 10 };
  return makeRecord(number, { ...live, deltas, ...changes } as Partial<ConnectionRecord>);
}

function shown({ record, sent, received, ended }: Row) {
  return { cookie: Number(record.cookie), sent, received, ended };
}

test('a rate is what moved in the interval, whatever the interval was; what does not move has none', (t) => {
  const table = createTable();
  table.add([update(0, 500, 1000), update(1, 0, 0), update(0, 500, 0)]);
  t.deepEqual(table.take(1000, 2).rows.map(shown), [
    { cookie: 1, sent: 500, received: 500, ended: 'no' },
    { cookie: 2, sent: 0, received: 0, ended: 'no' },
  ]);
  t.deepEqual(table.take(2000, 1).rows.map(shown), [
    { cookie: 1, sent: 0, received: 0, ended: 'no' },
    { cookie: 2, sent: 0, received: 0, ended: 'no' },
  ]);
});

test('one that has ended has its last bytes in the interval of its end, and is kept five minutes', (t) => {
  const table = createTable();
  table.add([update(0, 1, 1)]);
  table.take(1000, 1);
  table.add([makeRecord(0, { deltas: { sentBytes: 70, receivedBytes: 7, sentPackets: 1, receivedPackets: 1 } })]);
  t.deepEqual(table.take(2000, 1).rows.map(shown), [{ cookie: 1, sent: 70, received: 7, ended: 'now' }]);
  t.deepEqual(table.take(3000, 1).rows.map(shown), [{ cookie: 1, sent: 0, received: 0, ended: 'earlier' }]);
  t.is(table.take(301_999, 1).rows.length, 1);
  t.is(table.take(302_000, 1).rows.length, 0);
});

test('what comes behind its end does not make it live again; a socket that dials again does', (t) => {
  const table = createTable();
  table.add([makeRecord(0)]);
  table.take(1000, 1);
  table.add([update(0, 5, 5)]);
  t.deepEqual(table.take(2000, 1).rows.map(shown), [{ cookie: 1, sent: 5, received: 5, ended: 'earlier' }]);
  table.add([update(0, 9, 9, { startTime: 1n })]);
  t.deepEqual(table.take(3000, 1).rows.map(shown), [{ cookie: 1, sent: 9, received: 9, ended: 'no' }]);
});

test('of more than 10,000 that have ended the oldest go, but never those of this interval', (t) => {
  const table = createTable();
  table.add(Array.from({ length: 12_000 }, (_, number) => makeRecord(number)));
  t.is(table.take(1000, 1).rows.length, 12_000);
  table.add([makeRecord(20_000)]);
  const { rows } = table.take(2000, 1);
  t.is(rows.length, 10_001);
  t.deepEqual(rows.map(({ record }) => Number(record.cookie)).slice(0, 1), [2001]);
});

test('retransmissions and failures are those of the interval; what was before the agent is not counted', (t) => {
  const table = createTable();
  table.add([
    update(0, 1, 1, { retransmits: 3 }),
    update(1, 1, 1, { retransmits: 50, preExisting: true }),
    update(2, 1, 1, { transport: 'udp' }),
    makeRecord(3, { event: 'failed', retransmits: 2 }),
  ]);
  t.deepEqual(table.take(1000, 1).moved, { failed: 1, segments: 20, retransmits: 5 });
  table.add([update(0, 1, 1, { retransmits: 4 }), update(1, 1, 1, { retransmits: 52 })]);
  t.deepEqual(table.take(2000, 1).moved, { failed: 0, segments: 20, retransmits: 3 });
  t.deepEqual(table.take(3000, 1).moved, { failed: 0, segments: 0, retransmits: 0 });
});
