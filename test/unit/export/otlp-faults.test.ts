/** The logs exporter against a real gRPC server behind a network and with answers that are as bad as they come. */
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createOtlpLogsExporter, type OtlpLogsExporter, type OtlpLogsOptions } from '../../../src/export/otlp/logs.ts';
import { createRecordAttributes } from '../../../src/export/semconv.ts';
import { openSpool } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import { type FaultProxy, type Mood, startFaultProxy } from '../../support/fault-proxy.ts';
import { decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../../support/otlp-records.ts';
import { type Answer, type OtlpServer, startOtlpServer } from '../../support/otlp-server.ts';
import { settled } from '../../support/processes.ts';
import { random } from '../../support/random.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const owner = makeProcess(1);
const makeRecords = (count: number, first = 0) =>
  Array.from({ length: count }, (_, number) => makeRecord(first + number, { process: owner }));

interface Rig {
  readonly server: OtlpServer;
  readonly proxy: FaultProxy;
  readonly exporter: OtlpLogsExporter;
  readonly ledger: Ledger;
  readonly said: string[];
}

async function createRig(
  t: ExecutionContext,
  options: Partial<OtlpLogsOptions> = {},
  script: readonly Answer[] = [],
): Promise<Rig> {
  const server = await startOtlpServer({ script });
  const proxy = await startFaultProxy(server.endpoint);
  t.teardown(() => {
    proxy.stop();
    server.stop();
  });
  const ledger = new Ledger();
  const said: string[] = [];
  const common = { endpoint: proxy.endpoint, host, flushMs: 1, retryMs: [1, 20] as const, timeoutMs: 2000 };
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  const exporter = createOtlpLogsExporter({ ...common, attributes, ...options }, ledger, (message) =>
    said.push(message),
  );
  return { server, proxy, exporter, ledger, said };
}

/** How often each uid arrived. */
function arrivals({ server }: Rig): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  for (const bytes of server.accepted)
    for (const { scopes } of decodeLogs(bytes))
      for (const { items } of scopes)
        for (const { attributes } of items) {
          const uid = attributes['log.record.uid']?.value;
          counts.set(uid, (counts.get(uid) ?? 0) + 1);
        }
  return counts;
}

const WAIT = 60_000;
const sent = ({ ledger }: Rig) => ledger.sent.get('otlp-logs') ?? 0;
const untilSent = (rig: Rig, count: number) =>
  settled(
    () => sent(rig),
    (now) => now >= count,
    WAIT,
  );

for (const mood of ['hang', 'swallow', 'halfOpen', 'garbage', 'reset', 'lateReset'] as Mood[])
  for (const isConnected of [true, false])
    test(`${mood} ${isConnected ? 'after' : 'before'} the first records: when it is over all arrive`, async (t) => {
      const rig = await createRig(t);
      let first = 0;
      if (isConnected) {
        first = 10;
        rig.exporter.export(makeRecords(first));
        t.is(await untilSent(rig, 10), 10);
      }
      rig.proxy.set(mood);
      rig.exporter.export(makeRecords(50, first));
      const complaints = await settled(
        () => rig.said.length,
        (count) => count > 0,
        WAIT,
      );
      t.true(complaints > 0);
      rig.proxy.set('pass');
      t.is(await untilSent(rig, first + 50), first + 50);
      await rig.exporter.shutdown(performance.now() + WAIT);
      t.is(arrivals(rig).size, first + 50);
      t.deepEqual(rig.ledger.lost, []);
      // Twice only where the server may have had it and could not say so.
      if (['swallow', 'garbage', 'reset'].includes(mood))
        t.true([...arrivals(rig).values()].every((times) => times === 1));
    });

test('a connection that drips is slow, not broken', async (t) => {
  const rig = await createRig(t, { timeoutMs: 30_000 });
  rig.proxy.set('drip');
  rig.exporter.export(makeRecords(50));
  t.is(await untilSent(rig, 50), 50);
  t.deepEqual(rig.said, []);
  await rig.exporter.shutdown(performance.now() + WAIT);
});

test('RESOURCE_EXHAUSTED and UNAVAILABLE with a delay over a real connection: nobody asks before it is over', async (t) => {
  const times: number[] = [];
  // Status { details: Any { "type.googleapis.com/google.rpc.RetryInfo", RetryInfo { 0 s, 300,000,000 ns } } }
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  const info = Buffer.of(0x0a, 6, 0x10, 0x80, 0xc6, 0x86, 0x8f, 0x01);
  const any = Buffer.concat([Buffer.of(0x0a, type.length), type, Buffer.of(0x12, info.length), info]);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.concat([Buffer.of(0x1a, any.length), any]));
  const server = new Server();
  const asIs = (bytes: Buffer) => bytes;
  const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
  const method = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    { export: { path, requestStream: false, responseStream: false, ...method } },
    {
      export: (_: unknown, done: (error: object | null, answer?: Buffer) => void) => {
        times.push(performance.now());
        if (times.length > 2) done(null, Buffer.alloc(0));
        else
          done({
            code: times.length === 1 ? status.RESOURCE_EXHAUSTED : status.UNAVAILABLE,
            details: 'busy',
            metadata,
          });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  const rig = await createRig(t, { endpoint: `http://127.0.0.1:${port}` });
  rig.exporter.export(makeRecords(5));
  t.is(await untilSent(rig, 5), 5);
  t.true((times[1] as number) - (times[0] as number) >= 299);
  t.true((times[2] as number) - (times[1] as number) >= 299);
  await rig.exporter.shutdown(performance.now() + WAIT);
});

test('a server with a small limit gets all, in smaller requests', async (t) => {
  const rig = await createRig(t);
  const small = await startOtlpServer({ largest: 20_000 });
  t.teardown(() => small.stop());
  const ledger = new Ledger();
  const exporter = createOtlpLogsExporter(
    { endpoint: small.endpoint, host, attributes: createRecordAttributes({ ownNetworkNamespace }), flushMs: 1 },
    ledger,
    (message) => rig.said.push(message),
  );
  exporter.export(makeRecords(500));
  await exporter.shutdown(performance.now() + WAIT);
  t.is(arrivals({ ...rig, server: small }).size, 500);
  t.deepEqual(ledger.lost, []);
  t.is(ledger.sent.get('otlp-logs'), 500);
  t.true(small.accepted.every(({ length }) => length <= 20_000));
  t.regex(rig.said.join(), /made smaller/);
});

const moods: Mood[] = ['pass', 'hang', 'swallow', 'halfOpen', 'garbage', 'reset', 'lateReset', 'drip', 'pass', 'pass'];
const answers: Answer[] = [
  'ok',
  'ok',
  'ok',
  { code: status.UNAVAILABLE },
  { code: status.RESOURCE_EXHAUSTED },
  { code: status.ABORTED },
  { rejected: 1, message: 'odd' },
  { code: status.INVALID_ARGUMENT, details: 'no' },
];

for (const seed of [1, 2, 3])
  test(`whatever happens, each record arrives, or is in exactly one count (seed ${seed})`, async (t) => {
    const pick = random(seed);
    const any = <Item>(items: readonly Item[]): Item => items[Math.floor(pick() * items.length)] as Item;
    const script = Array.from({ length: 400 }, () => any(answers));
    const ledger = new Ledger();
    const spool = openSpool({
      directory: temporaryDirectory(t),
      limit: 2 ** 26,
      ledger,
      say: (message) => t.log(message),
    });
    const rig = await createRig(t, { timeoutMs: 300, batchBytes: 5000, spool }, script);
    let made = 0;
    for (let round = 0; round < 40; round++) {
      rig.proxy.set(any(moods));
      for (let burst = 0; burst < 5; burst++) {
        const count = Math.ceil(pick() * 20);
        rig.exporter.export(makeRecords(count, made));
        made += count;
        await new Promise((resolve) => setTimeout(resolve, pick() * 20));
      }
    }
    rig.proxy.set('pass');
    const books = () => sent(rig) + rig.ledger.lost.reduce((sum, { count }) => sum + count, 0);
    t.is(await settled(books, (count) => count >= made, WAIT), made);
    await rig.exporter.shutdown(performance.now() + WAIT);
    t.is(books(), made);
    t.deepEqual(ledger.lost, []);
    const reasons = rig.ledger.lost.map(({ reason }) => reason).sort();
    t.true(
      reasons.every((reason) => ['invalid_argument', 'rejected'].includes(reason)),
      `${reasons}`,
    );
    // What was rejected arrived as well, here: the server keeps the whole request. What was refused may have arrived before.
    const refused = rig.ledger.lost.find(({ reason }) => reason === 'invalid_argument')?.count ?? 0;
    t.true(arrivals(rig).size >= made - refused);
    t.log(`${made} records, ${rig.proxy.connections} connections, ${sent(rig)} sent, ${reasons}`);
  });
