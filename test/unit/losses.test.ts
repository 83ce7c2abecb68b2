/**
 * The table of losses in docs/architecture.md: each of them is made to happen to a prime number of records; that count has
 * them then, and no other count has anything. What the kernel side counts is lost in test/e2e/tcp-conservation.test.ts.
 */
import { closeSync, cpSync, existsSync, globSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createDecoder } from '../../src/capture/decode.ts';
import { createOtlpLogsExporter } from '../../src/export/otlp/logs.ts';
import { createOtlpMetricsExporter } from '../../src/export/otlp/metrics/exporter.ts';
import { encodeMetrics } from '../../src/export/otlp/metrics/requests.ts';
import { createOtlpTracesExporter } from '../../src/export/otlp/traces.ts';
import { createLookupAttributes, createRecordAttributes } from '../../src/export/semconv.ts';
import { openSpool, type Spool } from '../../src/export/spool/spool.ts';
import { createStdout } from '../../src/export/stdout.ts';
import { parseEndpoint } from '../../src/export/zmq/endpoint.ts';
import { createZmqExporter } from '../../src/export/zmq/index.ts';
import { Ledger, readReason, withPrefix } from '../../src/ledger.ts';
import { openWatcher } from '../../src/library/watcher.ts';
import type { Exporter } from '../../src/model.ts';
import { connectionBytes, batch as wireBatch } from '../support/batch.ts';
import { freePort } from '../support/collector.ts';
import { batchOf, createDeliveryRig, later } from '../support/delivery.ts';
import { startOtlpHttpServer } from '../support/otlp-http-server.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../support/otlp-records.ts';
import { startOtlpServer } from '../support/otlp-server.ts';
import { fill, openPipe, readAvailable } from '../support/pipe.ts';
import { PATIENCE, settled as settledWithin } from '../support/processes.ts';
import { ok, refused } from '../support/scripted-transport.ts';
import { segments, batch as spoolBatch, takeAll } from '../support/spool.ts';
import { Subscriber } from '../support/subscriber.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const common = { host, attributes: createRecordAttributes({ ownNetworkNamespace }) };
const owner = makeProcess(1);
const records = (count: number) => Array.from({ length: count }, (_, number) => makeRecord(number, { process: owner }));
const lines = (count: number) => Array.from({ length: count }, () => `${'x'.repeat(99)}\n`);
const silent = { warn: () => undefined, limited: () => undefined, debug: () => undefined };
const nothing = () => undefined;
const settled = <T>(ask: () => T, wanted: (answer: T) => boolean) => settledWithin(ask, wanted, PATIENCE);

/** Loses `count` records; returns how many others were delivered. */
type Way = (t: ExecutionContext, count: number, ledger: Ledger) => number | Promise<number>;

/** Of everything that goes through a delivery: log records, and under a prefix spans and points. */
const ofDelivery: Readonly<Record<string, Way>> = {
  async queue_full(_, count, ledger) {
    let isUp = false;
    const answer = () => (isUp ? ok : refused('retry', 'unavailable'));
    const [oldest, newest] = [batchOf(count), batchOf(2, count)];
    const queueBytes = oldest.bytes.length + newest.bytes.length - 1;
    const rig = createDeliveryRig(answer, { queueBytes }, undefined, ledger);
    rig.delivery.push(oldest);
    await rig.transport.until(() => rig.said.length > 0);
    rig.delivery.push(newest);
    isUp = true;
    await rig.delivery.shutdown(later());
    return 2;
  },
  async shutdown(_, count, ledger) {
    const rig = createDeliveryRig(() => 'hang', {}, undefined, ledger);
    rig.delivery.push(batchOf(count - 1));
    await rig.delivery.shutdown(Date.now() + 20);
    rig.delivery.push(batchOf(1));
    return 0;
  },
  async rejected(_, count, ledger) {
    const rig = createDeliveryRig(() => ({ ...ok, rejected: count }), {}, undefined, ledger);
    rig.delivery.push(batchOf(count + 2));
    await rig.delivery.shutdown(later());
    return 2;
  },
  async too_large(_, count, ledger) {
    const rig = createDeliveryRig(() => refused('split', 'resource_exhausted'), {}, undefined, ledger);
    rig.delivery.push(batchOf(count));
    await rig.delivery.shutdown(later());
    return 0;
  },
};

const ways: Readonly<Record<string, Way>> = {
  ...ofDelivery,
  malformed(_, count, ledger) {
    const { decode } = createDecoder({
      ledger,
      onProcess: nothing,
      describe: nothing,
      reasons: { reset: [], drop: [] },
    });
    for (let number = 0; number < count; number++)
      decode(wireBatch(connectionBytes({}), connectionBytes({}).fill(77, 0, 1)));
    return 0;
  },
  async stdout_full(t, count, ledger) {
    const { reader, writer } = openPipe(t);
    const stdout = createStdout({ ledger, onLost: t.fail, fd: writer, limit: 100 * 100 });
    stdout.write(lines(100 + count));
    await stdout.shutdown(later());
    t.is(readAvailable(reader).length, 100 * 100);
    return 100;
  },
  async stdout_shutdown(t, count, ledger) {
    const pipe = openPipe(t);
    fill(pipe);
    const stdout = createStdout({ ledger, onLost: t.fail, fd: pipe.writer });
    stdout.write(lines(count));
    await stdout.shutdown(Date.now() + 20);
    return 0;
  },
  async stdout_closed(t, count, ledger) {
    const { reader, writer } = openPipe(t);
    closeSync(reader);
    const stdout = createStdout({ ledger, onLost: nothing, fd: writer });
    stdout.write(lines(count));
    await stdout.shutdown(later());
    return 0;
  },
  async stdout_failed(_, count, ledger) {
    const stdout = createStdout({ ledger, onLost: nothing, fd: openSync('/dev/full', 'w') });
    stdout.write(lines(count));
    await stdout.shutdown(later());
    return 0;
  },
  async watcher_full(_, count, ledger) {
    let exporter: Exporter | undefined;
    const watcher = await openWatcher(
      { options: {} as never, queueLimit: 5 },
      {},
      async (...[, , books, , outputs]) => {
        books.lose = (...loss) => ledger.lose(...loss);
        [exporter] = await outputs({ selection: { stdout: () => true, lookups: {} } } as never);
        const shutdown = async () => exporter?.shutdown(0);
        return { description: '', kernelCounts: () => ({ lost: {} }) as never, shutdown };
      },
    );
    exporter?.export(records(5 + count));
    let taken = 0;
    for await (const _ of watcher) if (++taken === 5) await watcher.close();
    ledger.deliver('watcher', taken);
    return 5;
  },
  async ntopng_shutdown(_, count, ledger) {
    const exporter = await zmq(ledger, await freePort());
    exporter.export(records(count));
    await exporter.shutdown(later());
    return 0;
  },
  async ntopng_too_large(_, count, ledger) {
    const exporter = await zmq(ledger, await freePort());
    const long = makeProcess(3, { executablePath: `/${'x'.repeat(31_000)}` });
    exporter.export(records(count).map((record) => ({ ...record, process: long })));
    await exporter.shutdown(later());
    return 0;
  },
  async ntopng_queue_full(t, count, ledger) {
    const port = await freePort();
    // One of them has room, all in one message have not.
    const exporter = await zmq(ledger, port, 1024);
    exporter.export(records(count));
    await settled(
      () => ledger.lost.length,
      (length) => length > 0,
    );
    exporter.export(records(1));
    const subscriber = await Subscriber.start(undefined, `tcp://127.0.0.1:${port}`, '--bind', 'flow');
    t.teardown(() => subscriber.kill());
    await settled(
      () => ledger.sent.get('ntopng') ?? 0,
      (sent) => sent > 0,
    );
    await exporter.shutdown(later());
    await subscriber.stop();
    return 1;
  },
  async spool_full(t, count, ledger) {
    const spool = spoolFor(temporaryDirectory(t), ledger);
    // Each in a file of its own, as an eighth of the limit is one: ten have room. The first two are read before anybody asks.
    for (const number of [1, 1, count, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) await spool.append(spoolBatch(number, 100_000));
    await spool.close();
    return 0;
  },
  async spool_damaged(t, count, ledger) {
    const directory = temporaryDirectory(t);
    const before = spoolFor(directory, new Ledger());
    await before.append(spoolBatch(count));
    await before.close();
    const path = join(directory, segments(directory)[0] as string);
    const bytes = readFileSync(path);
    bytes[1000] = 0xff;
    writeFileSync(path, bytes);
    const after = spoolFor(directory, ledger);
    t.is((await takeAll(after)).length, 0);
    await after.close();
    return 0;
  },
  async crash(t, count, ledger) {
    const directory = temporaryDirectory(t);
    const before = createDeliveryRig(() => 'hang', {}, undefined, new Ledger());
    const spool = spoolFor(directory, new Ledger());
    spool.watchMemory(() => before.delivery.waiting.unsaved);
    before.delivery.push(batchOf(count));
    // Who is killed leaves its files as they are.
    const left = temporaryDirectory(t);
    await settled(
      () => {
        cpSync(directory, left, { recursive: true });
        return existsSync(join(left, 'memory')) ? readFileSync(join(left, 'memory'), 'latin1') : '';
      },
      (text) => text.endsWith('\n'),
    );
    await before.delivery.shutdown(Date.now());
    await spool.close();
    await spoolFor(left, ledger).close();
    return 0;
  },
  async spool_missing(t, count, ledger) {
    const directory = temporaryDirectory(t);
    const spool = spoolFor(directory, ledger);
    // Two are read before anybody asks.
    for (const number of [1, 1, 1, count]) await spool.append(spoolBatch(number, 100_000));
    rmSync(join(directory, segments(directory)[3] as string));
    t.is((await takeAll(spool)).length, 3);
    await spool.close();
    return 0;
  },
  async metrics_not_encoded(_, count, ledger) {
    const point = {
      attributes: {},
      startTime: [1, 0],
      endTime: [2, 0],
      get value(): number {
        throw new Error('no number');
      },
    };
    const metric = {
      descriptor: { name: 'm' },
      dataPointType: 3,
      dataPoints: Array.from({ length: count }, () => point),
    };
    const books = withPrefix(ledger, 'metrics');
    const collection = { resource: { attributes: {} }, scopeMetrics: [{ scope: { name: 'test' }, metrics: [metric] }] };
    for await (const _ of encodeMetrics(collection as never, (points) => books.lose('export', 'not_encoded', points)));
    return 0;
  },
};

function spoolFor(directory: string, ledger: Ledger): Spool {
  const spool = openSpool({ directory, limit: 2 ** 20, ledger, say: nothing });
  if (!spool) throw new Error(`no spool in ${directory}`);
  return spool;
}

function zmq(ledger: Ledger, port: number, queueSize = 2 ** 20): Promise<Exporter> {
  const options = {
    zmq: [parseEndpoint(`tcp://127.0.0.1:${port}c`)].flatMap((endpoint) => endpoint ?? []),
    zmqFormat: 'tlv',
    zmqEncryptionKey: undefined,
    zmqContainer: 'id',
    interval: 10_000,
    maxConnections: 1024,
    queueSize,
    hostRoot: '/',
  } as const;
  return createZmqExporter({ options, selection: { flows: () => true }, ledger, log: silent });
}

function check(t: ExecutionContext, ledger: Ledger, reason: string, count: number, delivered: number): void {
  const stage = reason === 'malformed' ? 'capture' : 'export';
  t.deepEqual(ledger.lost, [{ stage, reason, count }]);
  t.is(
    [...ledger.sent.values()].reduce((sum, each) => sum + each, 0),
    delivered,
  );
}

/** Another one for each. */
function* primes(): Generator<number, never> {
  for (let number = 11; ; number += 2) {
    let divisor = 3;
    while (divisor * divisor <= number && number % divisor > 0) divisor += 2;
    if (divisor * divisor > number) yield number;
  }
}
const prime = primes();

for (const [reason, lose] of Object.entries(ways)) {
  const { value: count } = prime.next();
  test(`${reason}: ${count} are lost, all in this count`, async (t) => {
    const ledger = new Ledger();
    check(t, ledger, reason, count, await lose(t, count, ledger));
  });
}

for (const prefix of ['traces', 'metrics'] as const)
  for (const [reason, lose] of Object.entries(ofDelivery)) {
    const { value: count } = prime.next();
    test(`${prefix}_${reason}: ${count} are lost, all in this count`, async (t) => {
      const ledger = new Ledger();
      const delivered = await lose(t, count, withPrefix(ledger, prefix));
      check(t, ledger, `${prefix}_${reason}`, count, prefix === 'metrics' ? 0 : delivered);
    });
  }

test('what comes after the end is lost as such, of each kind', async (t) => {
  const ledger = new Ledger();
  const endpoint = 'http://127.0.0.1:9';
  const logs = createOtlpLogsExporter({ ...common, endpoint }, ledger, nothing);
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  const traces = createOtlpTracesExporter({ ...common, lookupAttributes, endpoint }, ledger, nothing);
  const metrics = createOtlpMetricsExporter({ ...common, endpoint, ledger } as never, nothing);
  await Promise.all([logs, traces].map((exporter) => exporter.shutdown(Date.now() + 20)));
  logs.export(records(13));
  traces.export(records(17));
  t.deepEqual(
    ledger.lost.map(({ reason, count }) => [reason, count]),
    [
      ['shutdown', 13],
      ['traces_shutdown', 17],
    ],
  );
  await metrics.shutdown(Date.now() + 20);
});

const finalCodes = ['UNKNOWN', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'] as const;
const moreFinalCodes = ['FAILED_PRECONDITION', 'UNIMPLEMENTED', 'INTERNAL', 'UNAUTHENTICATED'] as const;

for (const name of [...finalCodes, ...moreFinalCodes]) {
  const { value: count } = prime.next();
  test(`${name} of a real server: ${count} are lost, all in this count`, async (t) => {
    const server = await startOtlpServer({ script: [{ code: status[name] }] });
    t.teardown(() => server.stop());
    const ledger = new Ledger();
    const exporter = createOtlpLogsExporter({ ...common, endpoint: server.endpoint, flushMs: 1 }, ledger, nothing);
    exporter.export(records(count));
    await settled(
      () => ledger.lost.length,
      (length) => length > 0,
    );
    exporter.export(records(3));
    await exporter.shutdown(later());
    check(t, ledger, name.toLowerCase(), count, 3);
  });
}

for (const code of [400, 401, 403, 404, 405, 415, 422, 500, 501, 505]) {
  const { value: count } = prime.next();
  test(`HTTP ${code}: ${count} are lost, all in this count`, async (t) => {
    const server = await startOtlpHttpServer({ script: [{ status: code }] });
    t.teardown(() => server.stop());
    const ledger = new Ledger();
    const options = { ...common, endpoint: server.endpoint, protocol: 'http/protobuf', flushMs: 1 } as const;
    const exporter = createOtlpLogsExporter(options, ledger, nothing);
    exporter.export(records(count));
    await settled(
      () => ledger.lost.length,
      (length) => length > 0,
    );
    exporter.export(records(3));
    await exporter.shutdown(later());
    check(t, ledger, `http_${code}`, count, 3);
  });
}

/** `stage/reason` of the table's rows, without those that stand for others. */
function documented(): string[] {
  const [, table = ''] = readFileSync(join(CHECKOUT, 'docs/architecture.md'), 'utf8').split(
    '| stage | reason | why | remedy |\n',
  );
  const rows = (table.split('\n\n', 1)[0] ?? '').split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, stage = '', cell = ''] = row.split('|').map((text) => text.trim());
    const isOfOthers = cell.startsWith('a status') || cell.startsWith('traces_ or metrics_');
    return isOfOthers ? [] : cell.split(', ').map((reason) => `${stage}/${reason}`);
  });
}

test('each loss of the table is one of these, or of the kernel side', (t) => {
  const ofKernel = documented().filter((row) => row.startsWith('kernel/'));
  t.deepEqual(ofKernel.toSorted(), ['kernel/missed_event', 'kernel/ring_full', 'kernel/table_full']);
  const tried = Object.keys(ways).map((reason) => (reason === 'malformed' ? `capture/${reason}` : `export/${reason}`));
  t.deepEqual([...ofKernel, ...tried].toSorted(), documented().toSorted());
});

test('each reason that the source can name is in the table', (t) => {
  const known = new Set(documented().map((row) => row.split('/')[1]));
  // No output of the agent takes the reference path.
  const files = globSync('src/**/*.ts', { cwd: CHECKOUT }).filter((file) => !file.endsWith('sdk-logs.ts'));
  const named = files
    .map((file) => [file, readFileSync(join(CHECKOUT, file), 'utf8')] as const)
    .flatMap(([file, text]) =>
      [...text.matchAll(/\blose\((?:'(?:capture|export)', )?'(?!(?:capture|export)')([a-z_]+)'/g)].map(
        ([, reason]) => [file, reason] as const,
      ),
    );
  t.true(named.length > 10);
  for (const [file, reason = ''] of named)
    t.true(known.has(reason) || known.has(`metrics_${readReason(reason).plain}`), `${file}: ${reason}`);
});
