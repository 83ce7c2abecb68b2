/** One way for each loss of the table in docs/architecture.md to make it happen to a given number of records. */
import { closeSync, cpSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createDecoder } from '../../src/capture/decode.ts';
import { encodeMetrics } from '../../src/export/otlp/metrics/requests.ts';
import { openSpool, type Spool } from '../../src/export/spool/spool.ts';
import { createStdout } from '../../src/export/stdout.ts';
import { parseEndpoint } from '../../src/export/zmq/endpoint.ts';
import { createZmqExporter } from '../../src/export/zmq/index.ts';
import { Ledger, withPrefix } from '../../src/ledger.ts';
import { openWatcher } from '../../src/library/watcher.ts';
import type { Exporter } from '../../src/model.ts';
import { connectionBytes, batch as wireBatch } from './batch.ts';
import { freePort } from './collector.ts';
import { batchOf, createDeliveryRig, later } from './delivery.ts';
import { records } from './losses.ts';
import { makeProcess } from './otlp-records.ts';
import { fill, openPipe, readAvailable } from './pipe.ts';
import { PATIENCE, settled as settledWithin } from './processes.ts';
import { ok, refused } from './scripted-transport.ts';
import { segments, batch as spoolBatch, takeAll } from './spool.ts';
import { Subscriber } from './subscriber.ts';
import { temporaryDirectory } from './temporary.ts';

const lines = (count: number) => Array.from({ length: count }, () => `${'x'.repeat(99)}\n`);
const silent = { warn: () => undefined, limited: () => undefined, debug: () => undefined };
const nothing = () => undefined;
const settled = <T>(ask: () => T, wanted: (answer: T) => boolean) => settledWithin(ask, wanted, PATIENCE);

/** Loses `count` records; returns how many others were delivered. */
type Way = (t: ExecutionContext, count: number, ledger: Ledger) => number | Promise<number>;

/** Of everything that goes through a delivery: log records, and under a prefix spans and points. */
export const ofDelivery: Readonly<Record<string, Way>> = {
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
    await rig.delivery.shutdown(performance.now() + 20);
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

export const ways: Readonly<Record<string, Way>> = {
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
    await stdout.shutdown(performance.now() + 20);
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
    await before.delivery.shutdown(performance.now());
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
