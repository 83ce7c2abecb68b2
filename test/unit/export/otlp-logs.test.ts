import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { createOtlpLogsExporter, type OtlpLogsExporter, type OtlpLogsOptions } from '../../../src/export/otlp/logs.ts';
import { createRecordAttributes } from '../../../src/export/semconv.ts';
import { Ledger } from '../../../src/ledger.ts';
import { keepAlive } from '../../support/alive.ts';
import { createConditions } from '../../support/conditions.ts';
import { countLogs, decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../../support/otlp-records.ts';
import { type Answer, type OtlpServer, startOtlpServer } from '../../support/otlp-server.ts';

const attributes = createRecordAttributes({ ownNetworkNamespace });
const owner = makeProcess(1);
const makeRecords = (count: number) => Array.from({ length: count }, (_, n) => makeRecord(n, { process: owner }));

interface Rig {
  exporter: OtlpLogsExporter;
  ledger: Ledger;
  said: string[];
  /** Resolves when something was said that matches. */
  heard(words: RegExp): Promise<void>;
}

function createRig(endpoint: string, options: Partial<OtlpLogsOptions> = {}): Rig {
  const ledger = new Ledger();
  const said: string[] = [];
  const conditions = createConditions();
  const say = (message: string) => {
    said.push(message);
    conditions.changed();
  };
  const heard = (words: RegExp) => conditions.until(() => said.some((message) => words.test(message)));
  const common = { endpoint, attributes, host, flushMs: 1, retryMs: [1, 5] as const };
  return { exporter: createOtlpLogsExporter({ ...common, ...options }, ledger, say), ledger, said, heard };
}

const later = () => performance.now() + 60_000;
const sum = (server: OtlpServer) => server.accepted.reduce((total, bytes) => total + countLogs(bytes), 0);
const lost = (ledger: Ledger) =>
  Object.fromEntries(ledger.lost.map(({ stage, reason, count }) => [`${stage}/${reason}`, count]));
const sent = (ledger: Ledger) => ledger.sent.get('otlp-logs') ?? 0;

async function withServer(script: readonly Answer[], run: (server: OtlpServer) => Promise<void>): Promise<void> {
  const server = await startOtlpServer({ script });
  try {
    await run(server);
  } finally {
    server.stop();
  }
}

test('records arrive once, in batches below the size asked for', (t) =>
  withServer([], async (server) => {
    const { exporter, ledger } = createRig(server.endpoint, { batchBytes: 20_000 });
    exporter.export(makeRecords(1009));
    await exporter.shutdown(later());
    t.is(sum(server), 1009);
    t.is(sent(ledger), 1009);
    t.deepEqual(lost(ledger), {});
    t.true(server.accepted.length > 40 && server.accepted.every((bytes) => bytes.length < 23_000));
    t.is(exporter.queuedBytes, 0);
  }));

test('a batch goes out when its time is over, without a full one or an end', (t) =>
  withServer([], async (server) => {
    const { exporter } = createRig(server.endpoint);
    exporter.export(makeRecords(3));
    await server.requests(1);
    t.is(sum(server), 3);
    await exporter.shutdown(later());
  }));

const again = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED, status.ABORTED];
for (const code of again)
  test(`${status[code]} is tried again until it passes, with the same bytes`, (t) =>
    withServer([{ code }, { code }, { code }], async (server) => {
      const { exporter, ledger, said } = createRig(server.endpoint);
      exporter.export(makeRecords(7));
      await server.until(() => server.accepted.length === 1);
      await exporter.shutdown(later());
      t.is(sum(server), 7);
      t.is(sent(ledger), 7);
      t.deepEqual(lost(ledger), {});
      t.is(said.length, 2, said.join('\n'));
      t.regex(said[0] as string, new RegExp(`tried again: ${status[code]}: scripted`));
      t.regex(said[1] as string, /takes records again/);
    }));

test('what the server refuses is counted under its reason and said once, and the next batch passes', (t) =>
  withServer(
    [
      { code: status.INVALID_ARGUMENT, details: 'no such thing' },
      { code: status.INVALID_ARGUMENT, details: 'no such thing' },
    ],
    async (server) => {
      const { exporter, ledger, said } = createRig(server.endpoint);
      for (const [round, count] of [3, 5, 11].entries()) {
        exporter.export(makeRecords(count));
        await server.requests(round + 1);
      }
      await exporter.shutdown(later());
      t.deepEqual(lost(ledger), { 'export/invalid_argument': 8 });
      t.is(sent(ledger), 11);
      t.is(said.length, 1);
      t.regex(said[0] as string, /INVALID_ARGUMENT: no such thing/);
    },
  ));

test('a partial success is counted: what was rejected is lost, the rest is sent', (t) =>
  withServer(
    [
      { rejected: 4, message: 'too old' },
      { rejected: 0, message: 'slow down' },
    ],
    async (server) => {
      const { exporter, ledger, said } = createRig(server.endpoint);
      exporter.export(makeRecords(10));
      await server.requests(1);
      exporter.export(makeRecords(2));
      await exporter.shutdown(later());
      t.deepEqual(lost(ledger), { 'export/rejected': 4 });
      t.is(sent(ledger), 8);
      t.regex(said[0] as string, /rejected records: too old/);
      t.regex(said[1] as string, /warns: slow down/);
    },
  ));

test('a server that is absent at the start is said once, and gets everything when it comes', async (t) => {
  keepAlive(t);
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-otlp-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const address = `unix://${directory}/otlp.sock`;
  const { exporter, ledger, said, heard } = createRig(address);
  exporter.export(makeRecords(5));
  await heard(/UNAVAILABLE.*ENOENT/);
  exporter.export(makeRecords(6));
  t.is(said.length, 1);
  const server = await startOtlpServer({ address });
  t.teardown(() => server.stop());
  await server.until(() => sum(server) === 11);
  await exporter.shutdown(later());
  t.is(sent(ledger), 11);
  t.deepEqual(lost(ledger), {});
  t.is(said.length, 2);
});

test('a queue that is full drops the oldest, and counts exactly what it drops', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-otlp-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const address = `unix://${directory}/otlp.sock`;
  const { exporter, ledger, heard } = createRig(address, {
    queueBytes: 100_000,
    batchBytes: 10_000,
    flushMs: 3_600_000,
  });
  const records = makeRecords(997);
  exporter.export(records.slice(0, 20));
  await heard(/ENOENT/);
  for (const record of records.slice(20)) exporter.export([record]);
  await heard(/queue is full/);
  t.true(exporter.queuedBytes <= 110_000);
  const server = await startOtlpServer({ address });
  t.teardown(() => server.stop());
  await heard(/takes records again/);
  await exporter.shutdown(later());
  const dropped = lost(ledger)['export/queue_full'] ?? 0;
  t.deepEqual(lost(ledger), { 'export/queue_full': dropped });
  t.is(sent(ledger) + dropped, 997);
  t.is(sum(server), sent(ledger));
  const newest = records.at(-1)?.id;
  const ids = server.accepted.flatMap((bytes) =>
    decodeLogs(bytes).flatMap(({ scopes }) =>
      scopes.flatMap(({ items }) => items.map((item) => item.attributes['sockflow.connection.id']?.value)),
    ),
  );
  t.true(ids.includes(newest));
});

test('the end waits for a server that hangs until the deadline, no longer, and counts what stays', (t) =>
  withServer(Array(8).fill('hang'), async (server) => {
    const { exporter, ledger } = createRig(server.endpoint, { batchBytes: 10_000, flushMs: 3_600_000 });
    exporter.export(makeRecords(100));
    await server.requests(2);
    const end = exporter.shutdown(performance.now() + 50);
    t.is(exporter.shutdown(later()), end, 'a second call is the same end');
    await end;
    t.deepEqual(lost(ledger), { 'export/shutdown': 100 });
    exporter.export(makeRecords(1));
    t.deepEqual(lost(ledger), { 'export/shutdown': 101 });
    t.is(sum(server), 0);
  }));

test('the end cuts a pause short and tries at once', (t) =>
  withServer([{ code: status.UNAVAILABLE }], async (server) => {
    const { exporter, ledger, heard } = createRig(server.endpoint, { retryMs: [3_600_000, 3_600_000] });
    exporter.export(makeRecords(9));
    await heard(/tried again/);
    await exporter.shutdown(later());
    t.is(sent(ledger), 9);
    t.deepEqual(lost(ledger), {});
  }));

test('the end does not wait for a server that is gone', async (t) => {
  const { exporter, ledger } = createRig('http://127.0.0.1:1', { batchBytes: 10_000, flushMs: 3_600_000 });
  exporter.export(makeRecords(200));
  await exporter.shutdown(later());
  t.deepEqual(lost(ledger), { 'export/shutdown': 200 });
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an endpoint that answers with a web page is said not to speak OTLP/gRPC, and the records are counted', async (t) => {
  const server = createHttp2((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<html>welcome</html>');
  });
  const { exporter, ledger, said } = createRig(await listen(server));
  exporter.export(makeRecords(3));
  await exporter.shutdown(later());
  t.regex(said[0] as string, /does not speak OTLP\/gRPC/);
  t.deepEqual(lost(ledger), { 'export/not_grpc': 3 });
  server.close();
});

test('so is a web server of the old kind, which is tried again', async (t) => {
  const server = createHttp((_, response) => response.end('<html>welcome</html>'));
  const { exporter, ledger, said } = createRig(await listen(server));
  exporter.export(makeRecords(3));
  await exporter.shutdown(later());
  t.regex(said[0] as string, /does not speak OTLP\/gRPC/);
  t.deepEqual(lost(ledger), { 'export/shutdown': 3 });
  server.close();
  server.closeAllConnections();
});

test('headers and compression are sent', (t) =>
  withServer([], async (server) => {
    const { exporter } = createRig(server.endpoint, { headers: { 'x-tenant': 'blue' }, compression: 'gzip' });
    exporter.export(makeRecords(5));
    await exporter.shutdown(later());
    t.is(sum(server), 5);
    t.deepEqual(server.metadata[0]?.get('x-tenant'), ['blue']);
  }));

test('a server that does not answer in time is asked again', (t) =>
  withServer(['hang'], async (server) => {
    const { exporter, ledger, said } = createRig(server.endpoint, { timeoutMs: 2000 });
    exporter.export(makeRecords(5));
    await server.until(() => server.accepted.length === 1);
    await exporter.shutdown(later());
    t.is(sent(ledger), 5);
    t.regex(said[0] as string, /DEADLINE_EXCEEDED: no answer in time/);
  }));

for (const endpoint of ['localhost:4317', 'ftp://host', 'http://', 'unix://', ''])
  test(`"${endpoint}" is refused as an endpoint, in one line`, (t) => {
    const { message } = t.throws(() => createRig(endpoint)) as Error;
    t.is(message, `--otlp-endpoint expects http://HOST:PORT, https://HOST:PORT or unix:///PATH, not "${endpoint}"`);
  });

test('a certificate that is not there is named', (t) => {
  const options = { certificate: '/nonexistent/ca.pem' };
  t.throws(() => createRig('https://localhost:4317', options), { message: /--otlp-certificate.*ca\.pem.*ENOENT/ });
});
