/** What is remembered of live connections for their spans: within bounds, and of no connection that has ended. */
import test from 'ava';
import { SpanEvents } from '../../../src/export/otlp/span-events.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { makeRecord } from '../../support/otlp-records.ts';

function rig(limit: number, limitOfAll: number) {
  let forgotten = 0;
  const events = new SpanEvents({ limit, limitOfAll, onForgotten: () => void forgotten++ });
  return { events, forgotten: () => forgotten };
}

const retransmit = (cookie: bigint) => makeRecord(1, { cookie, event: 'retransmit' });
const reset = (cookie: bigint, changes: Partial<ConnectionRecord> = {}) =>
  makeRecord(1, {
    cookie,
    event: 'reset',
    state: 'close',
    reset: { direction: 'transmit', reason: 'x', segments: 1 },
    ...changes,
  });
const end = (cookie: bigint, changes: Partial<ConnectionRecord> = {}) =>
  makeRecord(1, { cookie, handshakeDuration: undefined, ...changes });
const namesOf = (events: SpanEvents, record: ConnectionRecord) => events.take(record).events.map(({ name }) => name);

test('however many connections and events there are, no more than the limit is remembered; the oldest go, counted', (t) => {
  const { events, forgotten } = rig(8, 1000);
  for (let cookie = 1n; cookie <= 300n; cookie++) {
    for (let i = 0; i < 10; i++) events.note(retransmit(cookie));
    t.true(events.size <= 1000);
  }
  const known = Array.from({ length: 300 }, (_, i) => events.take(end(BigInt(i + 1))));
  const remembered = known.reduce((sum, { events: all, dropped }) => sum + all.length + dropped, 0);
  t.is(remembered + forgotten(), 3000);
  t.deepEqual(known.at(-1)?.events.length, 8);
  t.is(known.at(-1)?.dropped, 2);
  t.is(known[0]?.events.length, 0);
  t.is(events.size, 0);
});

test('connections are bounded also where their events are not kept', (t) => {
  const { events, forgotten } = rig(0, 100);
  for (let cookie = 1n; cookie <= 250n; cookie++) events.note(retransmit(cookie));
  t.is(forgotten(), 150);
  t.deepEqual(events.take(end(250n)), { events: [], dropped: 1 });
});

test('a reset that comes after the end is in the span already, and is not remembered', (t) => {
  const { events } = rig(8, 1000);
  t.deepEqual(namesOf(events, end(7n, { closeReason: 'reset_local' })), ['reset']);
  events.note(reset(7n));
  t.is(events.size, 0);
});

test('a reset that comes before the end is remembered once, with what the kernel said', (t) => {
  const { events } = rig(8, 1000);
  events.note(reset(7n));
  const { events: all } = events.take(end(7n, { closeReason: 'reset_local' }));
  t.deepEqual(
    all.map(({ name, attributes }) => [name, Object.fromEntries(attributes)]),
    [['reset', { 'network.io.direction': 'transmit', 'sockflow.tcp.reset.reason': 'x' }]],
  );
  t.is(events.size, 0);
});

test('resets of no connection and of what remains of one are not remembered', (t) => {
  const { events } = rig(8, 1000);
  events.note(reset(0n));
  events.note(reset(9n, { state: 'time_wait' }));
  t.is(events.size, 0);
});

test('of connections that ended by a reset that never comes no more than some are remembered', (t) => {
  const { events } = rig(8, 100_000);
  for (let cookie = 1n; cookie <= 10_000n; cookie++) events.take(end(cookie, { closeReason: 'reset_local' }));
  // The oldest are taken for live ones again; the newest are not.
  events.note(reset(1n));
  events.note(reset(10_000n));
  t.is(events.size, 1);
});
