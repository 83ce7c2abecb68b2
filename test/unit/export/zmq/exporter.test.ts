import test, { type ExecutionContext } from 'ava';
import { directFiles } from '../../../../src/capture/process-files.ts';
import { parseEndpoint } from '../../../../src/export/zmq/endpoint.ts';
import { createZmqExporter, type ZmqContext } from '../../../../src/export/zmq/index.ts';
import { Ledger } from '../../../../src/ledger.ts';
import type { ConnectionRecord, Exporter } from '../../../../src/model.ts';
import { makeProcess, makeRecord } from '../../../support/otlp-records.ts';
import { eventually } from '../../../support/processes.ts';
import { field, Subscriber } from '../../../support/subscriber.ts';

const silent = { warn: () => undefined, limited: () => undefined, debug: () => undefined };
const deltas = { sentBytes: 10, receivedBytes: 200, sentPackets: 3, receivedPackets: 40 };
const client = makeProcess(1);
const server = makeProcess(2);
const end = { error: 0, established: true, dialled: true, late: false, attempt: false };

function contextOf(subscribers: readonly Subscriber[], options: Partial<ZmqContext['options']> = {}): ZmqContext {
  return {
    options: {
      zmq: subscribers.flatMap(({ endpoint }) => parseEndpoint(`${endpoint}c`) ?? []),
      zmqFormat: 'tlv',
      zmqEncryptionKey: undefined,
      zmqContainer: 'id',
      interval: 10_000,
      maxConnections: 1_024,
      queueSize: 64 * 2 ** 20,
      hostRoot: '/',
      ...options,
    },
    selection: { flows: () => true },
    ledger: new Ledger(),
    log: silent,
  };
}

async function subscribe(t: ExecutionContext): Promise<Subscriber> {
  const subscriber = await Subscriber.start(undefined, 'tcp://127.0.0.1:*', '--bind', 'flow', 'event');
  t.teardown(() => subscriber.kill());
  return subscriber;
}

/** An exporter whose subscribers it knows of. */
async function start(context: ZmqContext, ...subscribers: readonly Subscriber[]): Promise<Exporter> {
  const exporter = await createZmqExporter(context);
  for (const subscriber of subscribers) await subscriber.known();
  return exporter;
}

/** Both ends of connections of this host, as the join lets them go. */
function bothEnds(from: number, count: number): ConnectionRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const one = makeRecord(from + index, { deltas, end, process: client, peerProcess: server });
    const { localAddress: peerAddress, localPort: peerPort, peerAddress: localAddress, peerPort: localPort } = one;
    const address = { localAddress, localPort, peerAddress, peerPort };
    const other = { role: 'server', cookie: one.cookie + (1n << 40n), process: server, peerProcess: client } as const;
    return [one, { ...one, ...other, ...address }];
  }).flat();
}

const soon = () => performance.now() + 30_000;

test('30,000 flows as fast as they can be told: libzmq and nDPI read every one, and nothing is lost', async (t) => {
  const subscriber = await subscribe(t);
  const context = contextOf([subscriber]);
  const exporter = await start(context, subscriber);
  const began = performance.now();
  for (let from = 0; from < 30_000; from += 500) {
    exporter.export(bothEnds(from, 500));
    await new Promise(setImmediate);
  }
  await exporter.shutdown(soon());
  t.log(`${Math.round(30_000 / ((performance.now() - began) / 1000))} flows/s`);
  await subscriber.stop();
  const flows = subscriber.flows();
  t.is(flows.length, 30_000);
  t.is(
    flows.reduce((sum, flow) => sum + Number(flow[field.inBytes]), 0),
    300_000,
  );
  t.like(flows[0], { [field.sourcePid]: client.pid, [field.destinationPid]: server.pid });
  t.deepEqual([[...context.ledger.sent], context.ledger.lost], [[['ntopng', 60_000]], []]);
  t.true(subscriber.messages.every(({ size, flows: some = [] }) => size <= 30 * 1024 && some.length <= 200));
  t.is(subscriber.messages.findLast(({ topic }) => topic === 'event')?.json.zmq.num_flow_exports, 30_000);
});

test('each endpoint has books of its own', async (t) => {
  const subscribers = [await subscribe(t), await subscribe(t)];
  const context = contextOf(subscribers);
  const exporter = await start(context, ...subscribers);
  exporter.export(bothEnds(0, 10));
  const long = makeProcess(3, { executablePath: `/${'x'.repeat(31_000)}` });
  exporter.export([makeRecord(99, { deltas, process: long })]);
  await exporter.shutdown(soon());
  exporter.export(bothEnds(20, 1));
  for (const subscriber of subscribers) {
    await subscriber.stop();
    t.is(subscriber.flows().length, 10);
  }
  t.deepEqual(
    new Map(context.ledger.sent),
    new Map([
      ['ntopng-1', 20],
      ['ntopng-2', 20],
    ]),
  );
  t.deepEqual(
    context.ledger.lost.map(({ reason, count }) => `${reason} ${count}`),
    ['ntopng_too_large 2', 'ntopng_shutdown 4'],
  );
});

test('what is no flow, and what was not asked for, is in no book', async (t) => {
  const subscriber = await subscribe(t);
  const context = {
    ...contextOf([subscriber]),
    selection: { flows: ({ role }: ConnectionRecord) => role === 'client' },
  };
  const exporter = await start(context, subscriber);
  exporter.export([
    makeRecord(0, { event: 'open' }),
    makeRecord(1, { localAddress: '' }),
    makeRecord(2, { role: 'server' }),
  ]);
  exporter.export([makeRecord(3)]);
  await exporter.shutdown(soon());
  await subscriber.stop();
  t.deepEqual([[...context.ledger.sent], context.ledger.lost], [[['ntopng', 1]], []]);
  t.is(subscriber.flows().length, 1);
});

test('ports that cannot be looked at are counted, and flows go on', async (t) => {
  const subscriber = await Subscriber.start(undefined, 'tcp://127.0.0.1:*', '--bind', 'flow', 'listening-ports');
  t.teardown(() => subscriber.kill());
  const sockets = () => Promise.reject(new Error('broken'));
  const context = { ...contextOf([subscriber]), files: { ...directFiles('/proc'), sockets } };
  const exporter = await createZmqExporter(context);
  await eventually(
    'a look at the ports',
    () => context.ledger.faulted.map(({ stage, what }) => `${stage} ${what}`),
    (faults) => faults.length > 0 && faults.every((fault) => fault === 'export ntopng_ports'),
  );
  exporter.export([makeRecord(1)]);
  await exporter.shutdown(soon());
  await subscriber.stop();
  t.is(subscriber.flows().length, 1);
});
