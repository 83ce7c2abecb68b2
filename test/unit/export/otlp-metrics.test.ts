import { status } from '@grpc/grpc-js';
import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { ConnectionMetrics } from '../../../src/export/otlp/connection-metrics.ts';
import { Delivery } from '../../../src/export/otlp/delivery.ts';
import { encodeMetrics } from '../../../src/export/otlp/metric-requests.ts';
import { createOtlpMetricsExporter } from '../../../src/export/otlp/metrics.ts';
import { createMetricProducer } from '../../../src/export/otlp/producer.ts';
import { type HistogramSeries, type Series, SumSeries } from '../../../src/export/otlp/series.ts';
import { agentMetrics, connectionMetrics } from '../../../src/export/semconv.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { type DecodedMetric, decodeMetrics } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord } from '../../support/otlp-records.ts';
import { startOtlpServer } from '../../support/otlp-server.ts';
import { ok, refused, scriptedTransport } from '../../support/scripted-transport.ts';

const owner = makeProcess(1);
const plain = { process: owner, handshakeDuration: undefined, smoothedRtt: undefined } as const;

type Change = Partial<ConnectionRecord>;

/** A record of the connection with this number. */
const of = (number: number, change: Change = {}) => makeRecord(number, { ...plain, ...change });

function aggregate(records: readonly ConnectionRecord[], options = {}): ConnectionMetrics {
  const metrics = new ConnectionMetrics(options);
  for (const record of records) metrics.add(record);
  return metrics;
}

type Name = keyof ConnectionMetrics['instruments'];

/** Sum of all series of an instrument; of a histogram, how often it was recorded. */
function total(metrics: ConnectionMetrics, name: Name, test: (series: Series) => boolean = () => true): number {
  const series: readonly Series[] = metrics.instruments[name].series;
  return series.filter(test).reduce((sum, one) => sum + (one instanceof SumSeries ? one.value : one.count), 0);
}

function counts(metrics: ConnectionMetrics) {
  const [opened, closed, failed, live] = (['opened', 'closed', 'failed', 'count'] as const).map((name) =>
    total(metrics, name),
  );
  return { opened, closed, failed, live };
}

test('a connection is opened once, by its first record, and lives until its end', (t) => {
  const metrics = aggregate([of(1, { event: 'open' }), of(1, { event: 'update' }), of(2, { event: 'update' })]);
  t.deepEqual(counts(metrics), { opened: 2, closed: 0, failed: 0, live: 2 });
  for (const record of [of(1), of(3), of(4, { event: 'failed', errorType: 'timed_out' })]) metrics.add(record);
  t.deepEqual(counts(metrics), { opened: 4, closed: 2, failed: 1, live: 1 });
});

test('opened = closed + failed + live, whatever comes, series by series too', (t) => {
  const events = ['open', 'update', 'close', 'failed', 'retransmit', 'reset', 'drop'] as const;
  const records = Array.from({ length: 2000 }, (_, step) => {
    const mixed = (step * 2654435761) >>> 0;
    const number = mixed % 97;
    const role = mixed % 3 === 0 ? 'server' : 'client';
    return of(number, { event: events[(mixed >>> 8) % 7] ?? 'open', role, cookie: BigInt(number) });
  });
  const metrics = aggregate(records);
  for (const role of ['client', 'server']) {
    const ofRole = ({ attributes }: Series) => attributes['sockflow.connection.role'] === role;
    const [opened = 0, ...ends] = (['opened', 'closed', 'failed', 'count'] as const).map((name) =>
      total(metrics, name, ofRole),
    );
    t.is(
      opened,
      ends.reduce((sum, count) => sum + count),
    );
    t.true(ends.every((count) => count > 0));
  }
});

test('resets are counted by direction, and what listeners dropped by segments', (t) => {
  const reset = (direction: 'transmit' | 'receive') =>
    ({ event: 'reset', reset: { direction, reason: undefined } }) as const;
  const drop = { direction: 'receive', reason: 'listen_queue', segments: 5 } as const;
  const metrics = aggregate([
    of(1, reset('transmit')),
    of(2, reset('transmit')),
    of(3, reset('receive')),
    of(4, { event: 'drop', state: 'listen', role: 'server', drop }),
    of(4, { event: 'drop', state: 'listen', role: 'server', drop }),
    of(5, { event: 'drop', state: 'established', drop }),
  ]);
  const sent = ({ attributes }: Series) => attributes['network.io.direction'] === 'transmit';
  t.is(total(metrics, 'resets'), 3);
  t.is(total(metrics, 'resets', sent), 2);
  t.is(total(metrics, 'listenDrops'), 10);
  t.deepEqual(counts(metrics), { opened: 0, closed: 0, failed: 0, live: 0 });
});

test('a connection that begins with an unknown owner ends where it began', (t) => {
  const metrics = aggregate([of(1, { event: 'open', process: undefined }), of(1)]);
  const values = metrics.instruments.count.series.map(({ attributes, value }) => [attributes['service.name'], value]);
  t.deepEqual(values, [
    ['unknown_service', 0],
    ['worker1', 0],
  ]);
  t.is(
    total(metrics, 'opened', ({ attributes }) => attributes['service.name'] === 'unknown_service'),
    1,
  );
  t.is(
    total(metrics, 'closed', ({ attributes }) => attributes['service.name'] === 'unknown_service'),
    1,
  );
});

const moved = (
  sentBytes: number,
  receivedBytes: number,
  sentPackets: number,
  receivedPackets: number,
  retransmits = 0,
) => ({
  sentBytes,
  receivedBytes,
  sentPackets,
  receivedPackets,
  retransmits,
});

test('what moved is added once, however many records say it', (t) => {
  const metrics = aggregate([
    of(1, { event: 'open', ...moved(0, 0, 1, 1) }),
    of(1, { event: 'update', ...moved(100, 1000, 5, 6, 1) }),
    of(1, { event: 'update', ...moved(150, 1000, 7, 6, 1) }),
    of(1, { event: 'close', ...moved(157, 1013, 9, 8, 3) }),
    of(2, { event: 'close', ...moved(11, 17, 2, 3) }),
  ]);
  const direction = (name: string) => (series: Series) => series.attributes['network.io.direction'] === name;
  t.is(total(metrics, 'io', direction('transmit')), 168);
  t.is(total(metrics, 'io', direction('receive')), 1030);
  t.is(total(metrics, 'packets', direction('transmit')), 11);
  t.is(total(metrics, 'packets', direction('receive')), 11);
  t.is(total(metrics, 'retransmits'), 3);
});

test('what a connection moved before the agent came is not counted', (t) => {
  const old = { preExisting: true } as const;
  const metrics = aggregate([
    of(1, { ...old, event: 'update', ...moved(1e12, 1e12, 1e9, 1e9, 5) }),
    of(1, { ...old, event: 'close', ...moved(1e12 + 7, 1e12 + 3, 1e9 + 1, 1e9 + 1, 5) }),
    of(2, { ...old, event: 'close', ...moved(1e12, 1e12, 1e9, 1e9) }),
  ]);
  t.is(total(metrics, 'io'), 10);
  t.is(total(metrics, 'packets'), 2);
  t.is(total(metrics, 'duration'), 0, 'nobody knows when they began');
  t.deepEqual(counts(metrics), { opened: 2, closed: 2, failed: 0, live: 0 });
});

test('durations fall into their buckets, by error', (t) => {
  const lasting = (number: number, seconds: number, change: Change = {}) => {
    const { startTime } = of(number);
    return of(number, { time: startTime + BigInt(Math.round(seconds * 1e9)), ...change });
  };
  const metrics = aggregate([
    lasting(1, 0.01),
    lasting(2, 0.0100001),
    lasting(3, 301),
    lasting(4, 1, { event: 'failed', errorType: 'connection_refused' }),
  ]);
  const [fine, refused] = metrics.instruments.duration.series as HistogramSeries[];
  t.deepEqual(fine?.counts, [1, 1, ...new Array(12).fill(0), 1]);
  t.like(fine, { count: 3, min: 0.01, max: 301 });
  t.is(fine?.sum.toFixed(7), '301.0200001');
  t.is(refused?.attributes['error.type'], 'connection_refused');
  t.like(refused, { count: 1, sum: 1 });
});

test('a handshake is recorded once a connection, the round-trip time at each update and at the end', (t) => {
  const timed = { handshakeDuration: 0.0003, smoothedRtt: 0.0004 };
  const metrics = aggregate([
    of(1, { event: 'open', ...timed, handshakeDuration: undefined }),
    of(1, { event: 'update', ...timed }),
    of(1, { event: 'update', ...timed }),
    of(1, { event: 'close', ...timed }),
    of(2, { event: 'close', ...timed }),
  ]);
  t.is(total(metrics, 'handshake'), 2);
  t.is(total(metrics, 'rtt'), 4);
});

test('series are told apart by transport, family, role, port of the server and service', (t) => {
  const changes: Change[] = [
    {},
    { role: 'server' },
    { role: 'unknown' },
    { networkType: 'ipv6' },
    { transport: 'udp' },
    { peerPort: 80 },
    { process: makeProcess(2) },
    { localPort: 1 },
    { role: 'server', peerPort: 1 },
    { peerAddress: '192.0.2.1' },
  ];
  const metrics = aggregate(changes.map((change, number) => of(0, { cookie: BigInt(number), ...change })));
  t.is(metrics.instruments.opened.series.length, 7);
  t.deepEqual(metrics.instruments.opened.series[0]?.attributes, {
    'network.transport': 'tcp',
    'network.type': 'ipv4',
    'sockflow.connection.role': 'client',
    'server.port': 5432,
    'service.name': 'worker1',
  });
});

test('beyond the limit everything goes into one series, and no instrument has more than the limit', (t) => {
  const records = Array.from({ length: 5000 }, (_, number) => of(number, { peerPort: number + 1 }));
  const metrics = aggregate(records, { limit: 100 });
  for (const { series } of Object.values(metrics.instruments)) t.true(series.length <= 100);
  const overflow = ({ attributes }: Series) => attributes['otel.metric.overflow'] === true;
  t.deepEqual(metrics.instruments.opened.series.find(overflow)?.attributes, { 'otel.metric.overflow': true });
  t.deepEqual(counts(metrics), { opened: 5000, closed: 5000, failed: 0, live: 0 });
  t.is(
    total(metrics, 'io'),
    records.reduce((sum, record) => sum + record.sentBytes + record.receivedBytes, 0),
  );
});

test('connections beyond those that can be remembered are counted whole at their end', (t) => {
  const updates = [1, 2, 3].map((number) => of(number, { event: 'update', ...moved(10, 0, 0, 0) }));
  const closes = [1, 2, 3].map((number) => of(number, moved(100, 0, 0, 0)));
  const metrics = aggregate([...updates, ...updates], { maxLive: 2 });
  t.deepEqual(counts(metrics), { opened: 2, closed: 0, failed: 0, live: 2 });
  for (const record of closes) metrics.add(record);
  t.deepEqual(counts(metrics), { opened: 3, closed: 3, failed: 0, live: 0 });
  t.is(total(metrics, 'io'), 300);
});

test('with delta temporality each collection begins anew; live connections stay cumulative', async (t) => {
  let time = 1000;
  const now = () => time;
  const metrics = new ConnectionMetrics({ now });
  const producer = createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource: emptyResource(),
    scope: { name: 'test' },
    selectTemporality: (type) =>
      type === 'UP_DOWN_COUNTER' ? AggregationTemporality.CUMULATIVE : AggregationTemporality.DELTA,
    now,
  });
  const collect = async (name: string) => {
    const { resourceMetrics } = await producer.collect();
    const metric = resourceMetrics.scopeMetrics[0]?.metrics.find(({ descriptor }) => descriptor.name === name);
    return metric?.dataPoints[0];
  };
  metrics.add(of(1, { event: 'open' }));
  time = 2000;
  t.like(await collect('sockflow.connection.opened'), { value: 1, startTime: [1, 0], endTime: [2, 0] });
  time = 3000;
  t.like(await collect('sockflow.connection.opened'), { value: 0, startTime: [2, 0], endTime: [3, 0] });
  t.like(await collect('sockflow.connection.count'), { value: 1, startTime: [1, 0] });
});

test.serial('metrics arrive at a server: resource, scope, sums, histograms and the books of the agent', async (t) => {
  const server = await startOtlpServer({ service: 'metrics' });
  t.teardown(() => server.stop());
  const ledger = new Ledger();
  ledger.received = 1013;
  ledger.lose('export', 'queue_full', 11);
  ledger.deliver('otlp-logs', 1002);
  for (let number = 0; number < 3; number++) ledger.fault('enrich', 'geoip');
  const kernelCounts = () => ({
    opened: 9,
    closed: 5,
    live: 4,
    lost: {},
    dropped: {},
    udp: { opened: 3, closed: 1, live: 2 },
    folded: 8,
  });
  const transport = scriptedTransport((_, number) => (number === 0 ? refused('retry', 'unavailable') : ok));
  const delivery = new Delivery({
    name: 'x',
    title: 'x',
    transport,
    ledger: new Ledger(),
    say: () => {},
    limits: { retryMs: [1, 1] },
  });
  const options = {
    endpoint: server.endpoint,
    host,
    ledger,
    kernelCounts,
    queues: () => new Map([['otlp-logs', 17]]),
    deliveries: new Map([['otlp-logs', delivery]]),
  };
  const exporter = createOtlpMetricsExporter({ ...options, extra: { site: 'x' } }, (message) => t.fail(message));
  delivery.push({ bytes: new Uint8Array(9), count: 1 });
  await transport.until(() => transport.accepted.length === 1);
  await delivery.shutdown(Date.now() + 60_000);
  exporter.export(Array.from({ length: 1009 }, (_, number) => makeRecord(number, { process: owner })));
  await exporter.shutdown(Date.now() + 60_000);
  t.is(server.accepted.length, 1);
  const [resource] = decodeMetrics(server.accepted[0] as Buffer);
  t.like(resource?.attributes, {
    'service.name': { value: 'sockflow' },
    'host.name': { value: host.name },
    'telemetry.distro.version': { value: host.agentVersion },
    site: { value: 'x' },
  });
  const metrics = resource?.scopes.flatMap(({ items }) => items) ?? [];
  const find = (name: string) => metrics.find((metric) => metric.name === name) as DecodedMetric;
  t.like(find('sockflow.connection.closed'), { kind: 'sum', monotonic: true, temporality: 2, unit: '{connection}' });
  t.is(find('sockflow.connection.closed').points[0]?.value, 1009);
  t.like(find('sockflow.connection.count'), { kind: 'sum', monotonic: false });
  const duration = find('sockflow.connection.duration');
  t.like(duration.points[0], { count: 1009, bounds: connectionMetrics.duration.bounds });
  t.is(duration.points[0]?.sum?.toFixed(6), (1009 * 0.012345678).toFixed(6));
  t.is(find(agentMetrics.received.name).points[0]?.value, 1013);
  t.like(find(agentMetrics.lost.name).points[0], {
    value: 11,
    attributes: { 'sockflow.agent.stage': { value: 'export' }, 'sockflow.agent.reason': { value: 'queue_full' } },
  });
  t.like(find(agentMetrics.faults.name).points[0], {
    value: 3,
    attributes: { 'sockflow.agent.stage': { value: 'enrich' }, 'sockflow.agent.what': { value: 'geoip' } },
  });
  t.is(find(agentMetrics.sent.name).points[0]?.value, 1002);
  t.is(find(agentMetrics.queue.name).points[0]?.value, 17);
  const requests = find(agentMetrics.exportDuration.name).points;
  t.deepEqual(requests.map(({ count, attributes }) => [count, attributes['error.type']?.value]).sort(), [
    [1, undefined],
    [1, 'unavailable'],
  ]);
  t.is(find(agentMetrics.exportRetries.name).points[0]?.value, 1);
  t.is(find(agentMetrics.exportRenewals.name).points[0]?.value, 0);
  t.deepEqual(
    find(agentMetrics.live.name).points.map(({ value, attributes }) => [attributes['network.transport']?.value, value]),
    [
      ['tcp', 4],
      ['udp', 2],
    ],
  );
  t.is(find(agentMetrics.folded.name).points[0]?.value, 8);
});

test('what the server says is said once, and the end keeps its deadline', async (t) => {
  const denied = { code: status.PERMISSION_DENIED, details: 'not you' };
  const server = await startOtlpServer({ service: 'metrics', script: [denied, denied, 'ok', 'hang'] });
  t.teardown(() => server.stop());
  const said: string[] = [];
  const options = { endpoint: server.endpoint, host, ledger: new Ledger(), intervalMs: 100 };
  const exporter = createOtlpMetricsExporter(options, (message) => said.push(message));
  exporter.export([of(1)]);
  await server.requests(4);
  await exporter.shutdown(Date.now() + 20);
  t.is(said.length, 2, said.join('\n'));
  t.regex(said[0] as string, /PERMISSION_DENIED: not you/);
  t.regex(said[1] as string, /takes metrics again/);
});

test('points that are lost are in the books, under reasons of their own; what is sent of metrics is not', async (t) => {
  const denied = { code: status.PERMISSION_DENIED, details: 'not you' };
  const server = await startOtlpServer({ service: 'metrics', script: [denied] });
  t.teardown(() => server.stop());
  const ledger = new Ledger();
  const options = { endpoint: server.endpoint, host, ledger, intervalMs: 50 };
  const exporter = createOtlpMetricsExporter(options, () => undefined);
  exporter.export([of(1)]);
  await server.requests(2);
  await exporter.shutdown(Date.now() + 60_000);
  const [loss, ...others] = ledger.lost;
  t.like(loss, { stage: 'export', reason: 'metrics_permission_denied' });
  t.true((loss?.count ?? 0) > 5, `${loss?.count}`);
  t.deepEqual(others, []);
  t.is(ledger.sent.size, 0);
});

test('points that cannot be encoded are counted, and the others are sent', async (t) => {
  const point = (value: unknown) => ({ attributes: {}, startTime: [1, 0], endTime: [2, 0], value });
  const metric = (points: readonly unknown[]) => ({
    descriptor: { name: 'x', description: '', unit: '1', valueType: 0 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: points,
  });
  const bad = {
    ...point(0),
    get value() {
      throw new Error('no value');
    },
  };
  const good = Array.from({ length: 500 }, (_, number) => point(number));
  const scopeMetrics = [
    { scope: { name: 'test' }, metrics: [metric([...good, bad, bad, ...good.slice(0, 498), ...good])] },
  ];
  const collection = { resource: emptyResource(), scopeMetrics } as unknown as ResourceMetrics;
  const failed: number[] = [];
  const counts: number[] = [];
  for await (const { count } of encodeMetrics(collection, (points) => failed.push(points))) counts.push(count);
  t.deepEqual(failed, [500]);
  t.deepEqual(counts, [500, 500]);
});
