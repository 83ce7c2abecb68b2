import test from 'ava';
import type { Flow } from '../../../../src/export/zmq/flow.ts';
import { createFlows } from '../../../../src/export/zmq/flows.ts';
import type { ConnectionRecord } from '../../../../src/model.ts';
import { makeProcess, makeRecord } from '../../../support/otlp-records.ts';

const web = makeProcess(1);
const database = makeProcess(2);
const over = { error: 0, established: true, dialled: true, late: false, attempt: false };
const deltas = { sentBytes: 10, receivedBytes: 20, sentPackets: 1, receivedPackets: 2 };
const ending = { event: 'close', end: over } as const;

function client(changes: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return makeRecord(0, { event: 'update', cookie: 1n, process: web, deltas, ...changes });
}

/** The other end of the same connection, as its own socket tells it. */
function server(changes: Partial<ConnectionRecord> = {}): ConnectionRecord {
  const { localAddress: peerAddress, localPort: peerPort, peerAddress: localAddress, peerPort: localPort } = client();
  return client({
    cookie: 2n,
    role: 'server',
    process: database,
    localAddress,
    localPort,
    peerAddress,
    peerPort,
    deltas: { sentBytes: 20, receivedBytes: 10, sentPackets: 2, receivedPackets: 1 },
    handshakeDuration: undefined,
    ...changes,
  });
}

function feed(records: readonly ConnectionRecord[], bothEnds = false): Flow[] {
  const flows = createFlows({ most: 100, bothEnds });
  return records.flatMap((record) => {
    flows.add(record);
    return flows.take();
  });
}

const sent = (flows: readonly Flow[]) => flows.map(({ client, server }) => [client.sent.bytes, server.sent.bytes]);
const again = (flows: readonly Flow[]) =>
  flows.map(({ client, server }) => [client.sent.retransmits, server.sent.retransmits]);

test('each update says what was added', (t) => {
  t.deepEqual(sent(feed([client(), client(), client(ending)])), [
    [10, 20],
    [10, 20],
    [10, 20],
  ]);
});

for (const [title, records] of [
  ['the client first', [client(ending), server(ending)]],
  ['the server first', [server(ending), client(ending)]],
] as const)
  test(`both ends here, ${title}: one flow with both processes, counted once`, (t) => {
    const flows = createFlows({ most: 100, bothEnds: false });
    for (const record of records) flows.add(record);
    const all = flows.take();
    t.is(all.length, 1);
    const [flow] = all;
    t.deepEqual(sent(all), [[10, 20]]);
    t.is(flow?.client.process, web);
    t.is(flow?.server.process, database);
    t.is(flow?.records, 2);
    t.deepEqual([flow?.client.latency, flow?.server.latency], [0.00021, 0.000234567]);
  });

test('both ends here, apart: the second one adds nothing', (t) => {
  t.deepEqual(sent(feed([server(), client(), server(ending), client(ending)])), [
    [10, 20],
    [0, 0],
    [10, 20],
    [0, 0],
  ]);
});

test('both ends here: each says what it sent again, once', (t) => {
  const flows = feed([
    client({ retransmits: 3 }),
    server({ retransmits: 2 }),
    client({ retransmits: 4, ...ending }),
    server({ retransmits: 2, ...ending }),
  ]);
  t.deepEqual(again(flows), [
    [3, 0],
    [0, 2],
    [1, 0],
    [0, 0],
  ]);
  t.deepEqual(sent(flows), [
    [10, 20],
    [0, 0],
    [10, 20],
    [0, 0],
  ]);
});

test('what a connection sent again before the agent came is not told', (t) => {
  const before = { preExisting: true };
  t.deepEqual(again(feed([client({ retransmits: 7, ...before }), client({ retransmits: 9, ...before })])), [
    [0, 0],
    [2, 0],
  ]);
});

test('updates that come together are one flow', (t) => {
  const flows = createFlows({ most: 100, bothEnds: false });
  const time = client().time + 5_000_000_000n;
  flows.add(client({ retransmits: 1 }));
  flows.add(client({ retransmits: 3, time, ...ending }));
  const [flow, ...more] = flows.take();
  t.deepEqual(more, []);
  t.deepEqual(flow?.client.sent, { bytes: 20, packets: 2, retransmits: 3 });
  t.deepEqual(flow?.server.sent, { bytes: 40, packets: 4, retransmits: 0 });
  t.is(flow?.records, 2);
  t.is(flow?.last, Math.floor(Number(time / 1_000_000_000n)));
});

test('a process that is known later is told then', (t) => {
  const flows = createFlows({ most: 100, bothEnds: false });
  flows.add(client({ process: undefined }));
  flows.add(client());
  t.is(flows.take()[0]?.client.process, web);
});

test('ports of UDP come again: what is told then is another conversation', (t) => {
  const udp = { transport: 'udp', retransmits: 0 } as const;
  const first = [client({ ...udp, ...ending }), client({ ...udp, ...ending, cookie: 3n })];
  t.deepEqual(sent(feed(first)), [
    [10, 20],
    [10, 20],
  ]);
  const pairs = [...[1n, 2n], ...[3n, 4n]].map((cookie) =>
    cookie % 2n === 1n ? client({ ...udp, ...ending, cookie }) : server({ ...udp, ...ending, cookie }),
  );
  t.deepEqual(sent(feed(pairs)), [
    [10, 20],
    [0, 0],
    [10, 20],
    [0, 0],
  ]);
});

test('for who counts totals both ends speak, each with its own process', (t) => {
  const flows = createFlows({ most: 100, bothEnds: true });
  flows.add(client(ending));
  flows.add(server(ending));
  t.deepEqual(
    flows.take().map(({ teller, client, server }) => [teller, client.total.bytes, server.total.bytes]),
    [
      ['client', 512, 70_000],
      ['server', 70_000, 512],
    ],
  );
});

test('what is remembered is bounded', (t) => {
  const flows = createFlows({ most: 10, bothEnds: false });
  for (let number = 0; number < 1_000; number++) {
    flows.add(makeRecord(number, { event: 'update', deltas }));
    flows.take();
  }
  // The first is forgotten: its other end speaks, too.
  flows.add(server());
  t.deepEqual(sent(flows.take()), [[10, 20]]);
});
