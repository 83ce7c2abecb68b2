import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createJoin, type JoinOptions } from '../../../src/correlate/join.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { makeProcess, makeRecord } from '../../support/otlp-records.ts';

const wget = makeProcess(1, { executableName: 'wget' });
const nginx = makeProcess(2, { executableName: 'nginx' });
const late = { error: 0, established: true, dialled: true, attempt: false, late: false };
const local = { localAddress: '127.0.0.1', peerAddress: '127.0.0.1' } as const;

/** One end of connection `number`, of this host. */
const client = (number: number, changes: Partial<ConnectionRecord> = {}) =>
  makeRecord(number, { ...local, process: wget, end: late, ...changes });
const server = (number: number, changes: Partial<ConnectionRecord> = {}) =>
  makeRecord(number, {
    ...local,
    role: 'server',
    cookie: BigInt(number + 1000),
    process: nginx,
    end: late,
    ...changes,
  });

/** Nobody waits for the timers of what was left waiting. */
const flushes: (() => void)[] = [];
test.after.always(() => {
  for (const flush of flushes) flush();
});

function joined(options: Omit<JoinOptions, 'emit'> = {}) {
  const out: ConnectionRecord[] = [];
  const join = createJoin({ wait: 60_000, ...options, emit: (records) => out.push(...records) });
  flushes.push(join.flush);
  const names = () =>
    out.map(({ event, role, peerProcess }) => `${event} ${role} ${peerProcess?.executableName ?? '-'}`);
  return { ...join, names };
}

test('the end that comes first waits for the other; both say who that is', (t) => {
  const { add, names } = joined();
  add([client(1)]);
  t.deepEqual(names(), []);
  add([server(2), client(2), server(1)]);
  t.deepEqual(names(), ['close server wget', 'close client nginx', 'close client nginx', 'close server wget']);
});

test('records of one connection stay in order', (t) => {
  const { add, names } = joined();
  add([client(1, { event: 'open', end: undefined }), client(1)]);
  add([server(1)]);
  t.deepEqual(names(), ['open client nginx', 'close client nginx', 'close server wget']);
});

test('once they have met nobody waits', (t) => {
  const { add, names } = joined();
  const update = { event: 'update', end: undefined } as const;
  add([client(1, update), server(1, update)]);
  add([client(1, update)]);
  t.deepEqual(names(), ['update client nginx', 'update server wget', 'update client nginx']);
});

test('who is not joined in time goes without', async (t) => {
  const { add, names } = joined({ wait: 5 });
  add([client(1)]);
  while (names().length === 0) await sleep(5);
  t.deepEqual(names(), ['close client -']);
  add([server(1)]);
  t.deepEqual(names(), ['close client -', 'close server wget'], 'the late one knows both');
});

test('what cannot have its other end here does not wait', (t) => {
  const { add, names } = joined();
  const refused = { event: 'failed', end: { ...late, established: false } } as const;
  add([client(1, { peerAddress: '192.0.2.1' }), client(2, { peerAddress: '10.1.2.3' }), client(3, refused)]);
  t.deepEqual(names(), ['close client -', 'close client -', 'failed client -']);
});

test('behind a translation: the addresses differ, the id does not', (t) => {
  const { add, names } = joined();
  add([client(1, { localAddress: '10.0.0.2', peerAddress: '10.96.0.1' })]);
  add([server(1, { localAddress: '10.0.0.3', peerAddress: '10.0.0.2' })]);
  t.deepEqual(names(), ['close client -', 'close server wget']);
  add([client(2, { localAddress: '10.0.0.2', peerAddress: '10.96.0.1' })]);
  t.is(names().length, 2, 'that address leads here: the next one waits');
  add([server(2, { localAddress: '10.0.0.3', peerAddress: '10.0.0.2' })]);
  t.deepEqual(names().slice(2), ['close client nginx', 'close server wget']);
});

test('where a translation leads the first connection waits, too, until it was in vain', (t) => {
  const { add, names, flush } = joined();
  const service = { localAddress: '10.0.0.2', natOriginal: { address: '10.96.0.1', port: 80 } };
  add([client(1, { ...service, peerAddress: '10.0.0.3' })]);
  t.deepEqual(names(), []);
  add([server(1, { localAddress: '10.0.0.3', peerAddress: '10.0.0.1' })]);
  t.deepEqual(names(), ['close client nginx', 'close server wget']);
  add([client(2, { ...service, peerAddress: '10.7.0.1' }), client(3, { ...service, peerAddress: '192.0.2.1' })]);
  t.deepEqual(names().slice(2), ['close client -'], 'a public address is of another host');
  flush();
  add([client(4, { ...service, peerAddress: '10.7.0.1' })]);
  t.is(names().length, 5, 'as is one where nobody answered to it');
});

test('who comes from a private address may be somebody of this host: the first one waits, until it was in vain', (t) => {
  const { add, names, flush } = joined();
  const masked = { localAddress: '10.0.0.3', peerAddress: '10.0.0.1' };
  add([server(1, masked)]);
  t.deepEqual(names(), []);
  add([client(1, { localAddress: '10.0.0.2', peerAddress: '10.0.0.3' })]);
  t.deepEqual(names(), ['close server wget', 'close client nginx']);
  const other = { localAddress: '10.0.0.3', peerAddress: '10.7.0.1' };
  add([server(2, other), server(3, { ...other, peerAddress: '192.0.2.1' })]);
  t.is(names().length, 3, 'who comes from a public address is of another host');
  flush();
  add([server(4, other)]);
  t.is(names().length, 5);
});

test('an address that another connection has here is of this host', (t) => {
  const { add, names, flush } = joined();
  add([client(1, { localAddress: '10.0.0.7', peerAddress: '192.0.2.1' })]);
  add([client(2, { localAddress: '10.0.0.8', peerAddress: '10.0.0.7' })]);
  t.is(names().length, 1);
  flush();
  t.is(names().length, 2);
});

test('the ports of an ended conversation come again: its partner is not the old one', (t) => {
  const { add, names } = joined();
  const udp = { transport: 'udp' } as const;
  const curl = makeProcess(3, { executableName: 'curl' });
  const update = { ...udp, event: 'update', end: undefined } as const;
  add([client(1, udp), server(1, update)]);
  add([client(1, { ...udp, cookie: 77n, process: curl })]);
  add([server(1, update)]);
  t.deepEqual(names().slice(2), ['close client nginx', 'update server curl']);
});

test('a group: each receiver knows who speaks', (t) => {
  const { add, names } = joined();
  const group = { transport: 'udp', event: 'update', end: undefined } as const;
  add([client(1, { ...group, peerAddress: '239.1.1.1' })]);
  add([server(1, group), server(1, { ...group, cookie: 99n })]);
  t.deepEqual(names(), ['update client -', 'update server wget', 'update server wget']);
});

test('more than may wait: those that wait longest leave', (t) => {
  const { add, names } = joined({ mostWaiting: 2 });
  add([client(1), client(2), client(3)]);
  t.deepEqual(names(), ['close client -']);
});

test('a reset that is told of behind the end of both is joined, too', (t) => {
  const { add, names } = joined();
  add([client(1), server(1)]);
  add([client(1, { event: 'reset', end: undefined })]);
  t.deepEqual(names().slice(2), ['reset client nginx']);
});

test('a moment is told at once, and overtakes nothing of its connection', (t) => {
  const { add, names } = joined();
  add([client(1, { event: 'open', end: undefined })]);
  add([client(1, { event: 'reset', end: undefined }), client(2, { event: 'retransmit', end: undefined })]);
  t.deepEqual(names(), ['open client -', 'reset client -', 'retransmit client -']);
});

test('the wait goes by the times of the records, and who has waited in vain does not wait again', (t) => {
  const { add, names } = joined({ wait: 100 });
  const at = (milliseconds: number) => makeRecord(0).time + BigInt(milliseconds) * 1_000_000n;
  const update = { event: 'update', end: undefined } as const;
  add([client(1, { ...update, time: at(0) })]);
  add([client(2, { ...update, time: at(99) })]);
  t.deepEqual(names(), []);
  add([client(3, { ...update, time: at(101) })]);
  t.deepEqual(names(), ['update client -']);
  add([client(1, { ...update, time: at(102) })]);
  t.is(names().length, 2);
});

test('resets of nobody have no other end', (t) => {
  const { add, names } = joined();
  add([client(1, { event: 'reset', end: undefined, cookie: 0n, role: 'unknown' })]);
  t.deepEqual(names(), ['reset unknown -']);
});
