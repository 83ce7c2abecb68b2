import test from 'ava';
import { type Flow, inParts, isFlow, toFlow } from '../../../../src/export/zmq/flow.ts';
import type { ConnectionRecord } from '../../../../src/model.ts';
import { makeProcess, makeRecord } from '../../../support/otlp-records.ts';

const deltas = { sentBytes: 10, receivedBytes: 200, sentPackets: 3, receivedPackets: 40 };
const local = makeProcess(1);
const peer = makeProcess(2);
const end = { error: 0, established: true, dialled: true, late: false, attempt: false };

function flowOf(changes: Partial<ConnectionRecord> = {}, retransmits = 0): Flow {
  return toFlow(makeRecord(0, { deltas, process: local, peerProcess: peer, end, ...changes }), retransmits);
}

test("the client's end: local is the client, what it sends goes in", (t) => {
  const { client, server, teller, ipVersion, transport } = flowOf({}, 5);
  t.like(client, { address: '192.168.17.23', port: 32768, process: local });
  t.like(server, { address: '10.96.0.114', port: 5432, process: peer });
  t.deepEqual(client.sent, { bytes: 10, packets: 3, retransmits: 5 });
  t.deepEqual(server.sent, { bytes: 200, packets: 40, retransmits: 0 });
  t.deepEqual({ teller, ipVersion, transport }, { teller: 'client', ipVersion: 4, transport: 'tcp' });
});

test("the server's end: the peer is the client, and everything is turned around", (t) => {
  const { client, server, teller } = flowOf({ role: 'server' }, 5);
  t.like(client, { address: '10.96.0.114', port: 5432, process: peer });
  t.like(server, { address: '192.168.17.23', port: 32768, process: local });
  t.deepEqual(client.sent, { bytes: 200, packets: 40, retransmits: 0 });
  t.deepEqual(server.sent, { bytes: 10, packets: 3, retransmits: 5 });
  t.is(teller, 'server');
});

test('where nobody saw who began, both ends come to the same client', (t) => {
  const role = 'unknown';
  const pairs: [Partial<ConnectionRecord>, string][] = [
    [{ localAddress: '10.0.0.1', localPort: 40_000, peerAddress: '10.0.0.2', peerPort: 22 }, '10.0.0.1'],
    [{ localAddress: '10.0.0.1', localPort: 5, peerAddress: '10.0.0.2', peerPort: 22 }, '10.0.0.2'],
    [{ localAddress: '10.0.0.1', localPort: 123, peerAddress: '10.0.0.2', peerPort: 123 }, '10.0.0.2'],
  ];
  for (const [ends, client] of pairs) {
    t.is(flowOf({ role, ...ends }).client.address, client);
    const other = {
      localAddress: ends.peerAddress ?? '',
      localPort: ends.peerPort ?? 0,
      peerAddress: ends.localAddress ?? '',
      peerPort: ends.localPort ?? 0,
    };
    t.is(flowOf({ role, ...other }).client.address, client);
  }
});

test('an IPv4 address in the clothes of IPv6 is plain, and one family is named', (t) => {
  const { client, server, ipVersion } = flowOf({
    networkType: 'ipv6',
    localAddress: '::ffff:10.0.0.1',
    peerAddress: '::FFFF:10.0.0.2',
  });
  t.deepEqual([client.address, server.address, ipVersion], ['10.0.0.1', '10.0.0.2', 4]);
  t.is(flowOf({ networkType: 'ipv6', localAddress: '2001:db8::1', peerAddress: '::1' }).ipVersion, 6);
});

test('times are seconds; of UDP the last datagram counts', (t) => {
  const times = { startTime: 1_795_557_522_999_999_999n, time: 1_795_557_542_000_000_000n };
  t.like(flowOf(times), { first: 1_795_557_522, last: 1_795_557_542 });
  t.is(flowOf({ ...times, transport: 'udp', lastTime: 1_795_557_530_500_000_000n }).last, 1_795_557_530);
});

test('latency is that of the network to the other side', (t) => {
  const measured = { handshakeDuration: 0.3, minRtt: 0.2, smoothedRtt: 0.4 };
  const latencies = ({ client, server }: Flow) => [client.latency, server.latency];
  t.deepEqual(latencies(flowOf(measured)), [undefined, 0.3]);
  t.deepEqual(latencies(flowOf({ ...measured, handshakeDuration: undefined })), [undefined, 0.2]);
  t.deepEqual(latencies(flowOf({ ...measured, role: 'server' })), [0.2, undefined]);
  t.deepEqual(latencies(flowOf({ handshakeDuration: undefined, minRtt: undefined, smoothedRtt: 0.4 })), [
    undefined,
    0.4,
  ]);
});

const [FIN, SYN, RST, PSH, ACK] = [1, 2, 4, 8, 16];
const flagCases: [string, Partial<ConnectionRecord>, client: number, server: number][] = [
  ['live', { event: 'update', closeReason: undefined as never }, SYN | ACK | PSH, SYN | ACK | PSH],
  [
    'nothing received',
    { event: 'update', closeReason: undefined as never, receivedBytes: 0 },
    SYN | ACK | PSH,
    SYN | ACK,
  ],
  ['closed', { closeReason: 'fin_remote' }, SYN | ACK | PSH | FIN, SYN | ACK | PSH | FIN],
  ['reset from here', { closeReason: 'reset_local' }, SYN | ACK | PSH | RST, SYN | ACK | PSH],
  ['reset from there', { closeReason: 'reset_remote' }, SYN | ACK | PSH, SYN | ACK | PSH | RST],
  [
    'reset from there, told by the server',
    { role: 'server', closeReason: 'reset_remote' },
    SYN | ACK | PSH | RST,
    SYN | ACK | PSH,
  ],
  ['refused', { event: 'failed', errorType: 'connection_refused', closeReason: 'refused' }, SYN, RST | ACK],
  ['no answer', { event: 'failed', errorType: 'timed_out', closeReason: 'timeout' }, SYN, 0],
  ['given up', { closeReason: 'cancelled', end: { ...end, established: false } }, SYN, 0],
  ['still waiting', { event: 'update', state: 'syn_sent', closeReason: undefined as never }, SYN, 0],
  ['UDP', { transport: 'udp' }, 0, 0],
];
for (const [title, changes, client, server] of flagCases)
  test(`flags: ${title}`, (t) => {
    const flow = flowOf(changes);
    t.deepEqual([flow.client.flags, flow.server.flags], [client, server]);
  });

test('moments, and ends without addresses, are no flows', (t) => {
  for (const event of ['update', 'close', 'failed'] as const) t.true(isFlow(makeRecord(0, { event })));
  for (const event of ['open', 'retransmit', 'reset', 'drop'] as const) t.false(isFlow(makeRecord(0, { event })));
  t.false(isFlow(makeRecord(0, { localAddress: '' })));
  t.false(isFlow(makeRecord(0, { peerAddress: '' })));
});

test('more than 32 bits can tell is told in parts', (t) => {
  const flow = flowOf(
    {
      deltas: { sentBytes: 9 * 2 ** 30, receivedBytes: 7, sentPackets: 3, receivedPackets: 4 },
      sentBytes: 10 * 2 ** 30,
      receivedBytes: 100,
    },
    6,
  );
  const parts = [...inParts(flow)].map(({ client, server, records }) => ({
    sent: { ...client.sent },
    received: { ...server.sent },
    total: client.total.bytes,
    records,
  }));
  t.is(parts.length, 3);
  t.true(parts.every(({ sent }) => sent.bytes < 2 ** 32));
  const sum = (read: (part: (typeof parts)[number]) => number) => parts.reduce((all, part) => all + read(part), 0);
  t.is(
    sum(({ sent }) => sent.bytes),
    9 * 2 ** 30,
  );
  t.is(
    sum(({ sent }) => sent.packets),
    3,
  );
  t.is(
    sum(({ sent }) => sent.retransmits),
    6,
  );
  t.is(
    sum(({ received }) => received.bytes),
    7,
  );
  t.is(
    sum(({ received }) => received.packets),
    4,
  );
  t.is(
    sum(({ records }) => records),
    1,
  );
  const totals = parts.map(({ total }) => total);
  t.deepEqual(totals, [2 ** 30 + 2 ** 32 - 1, 2 ** 30 + 2 * (2 ** 32 - 1), 10 * 2 ** 30]);
  t.deepEqual([...inParts(flowOf())].length, 1);
});
