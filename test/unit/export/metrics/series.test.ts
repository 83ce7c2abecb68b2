import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { ConnectionMetrics, type ConnectionMetricsOptions } from '../../../../src/export/otlp/metrics/connections.ts';
import { createMetricProducer } from '../../../../src/export/otlp/metrics/producer.ts';
import type { Series } from '../../../../src/export/otlp/metrics/series.ts';
import { createMetricAttributes, metricAttributeNames } from '../../../../src/export/semconv.ts';
import type { ConnectionRecord, LookupRecord, Pod } from '../../../../src/model.ts';
import { aggregate, type Change, counts, moved, of, total } from '../../../support/metrics.ts';
import { makeProcess, ownNetworkNamespace } from '../../../support/otlp-records.ts';

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

test('a name that was dialled and the namespace of the pod tell series apart, an address does not', (t) => {
  const pod = { uid: 'u', details: { name: 'web-0', namespace: 'shop' } };
  const metrics = aggregate([
    of(1, { peerName: 'db.shop.local' }),
    of(2, { peerName: 'db.shop.local', peerAddress: '192.0.2.7' }),
    of(3, { peerName: 'db.shop.local', role: 'server', localPort: 5432 }),
    of(4, { process: makeProcess(1, { pod }) }),
  ]);
  const values = metrics.instruments.closed.series.map(({ attributes, value }) => [
    attributes['server.address'],
    attributes['k8s.namespace.name'],
    value,
  ]);
  t.deepEqual(values, [
    ['db.shop.local', undefined, 2],
    [undefined, undefined, 1],
    [undefined, 'shop', 1],
  ]);
});

function withAttributes(keys: readonly string[], changes: readonly Change[], shown = {}) {
  const metricAttributes = createMetricAttributes(keys, { ownNetworkNamespace, ...shown });
  const records = changes.map((change, number) => of(number, { cookie: BigInt(number), ...change }));
  const metrics = aggregate(records, { metricAttributes });
  return metrics.instruments.closed.series.map(({ attributes, value }) => [attributes, value]);
}

test('series have the attributes that were chosen, and are told apart by nothing else', (t) => {
  const changes = [{}, { role: 'server' }, { peerPort: 80 }, { networkType: 'ipv6' }, { transport: 'udp' }] as const;
  t.deepEqual(withAttributes([], changes), [[{}, 5]]);
  t.deepEqual(withAttributes(['network.transport'], changes), [
    [{ 'network.transport': 'tcp' }, 4],
    [{ 'network.transport': 'udp' }, 1],
  ]);
  t.deepEqual(withAttributes(['network.peer.address', 'process.pid'], [{}, { peerAddress: '192.0.2.1' }]), [
    [{ 'network.peer.address': '10.96.0.114', 'process.pid': 1001 }, 1],
    [{ 'network.peer.address': '192.0.2.1', 'process.pid': 1001 }, 1],
  ]);
  const place = { country: 'DE', asNumber: 64_496 };
  const pod = { uid: 'u', kubernetes: { labels: new Map([['tier', 'web']]) } } as unknown as Pod;
  const keys = ['geo.country.iso_code', 'network.peer.as.number', 'k8s.pod.label.tier'];
  t.deepEqual(withAttributes(keys, [{ place, process: makeProcess(1, { pod }) }, {}], { podLabels: ['tier'] }), [
    [{ 'geo.country.iso_code': 'DE', 'network.peer.as.number': 64_496, 'k8s.pod.label.tier': 'web' }, 1],
    [{}, 1],
  ]);
});

test('every attribute that can be asked for is one that is read', (t) => {
  const readable = createMetricAttributes(metricAttributeNames, { ownNetworkNamespace }).map(({ key }) => key);
  t.deepEqual([...readable, 'dns.question.name'].sort(), [...metricAttributeNames].sort());
});

/** Metrics at a time that the test sets. */
function timed(options: ConnectionMetricsOptions = {}) {
  const clock = { now: 0 };
  const metrics = new ConnectionMetrics({ ttl: 1000, now: () => clock.now, ...options });
  return {
    metrics,
    at(time: number, ...records: readonly ConnectionRecord[]) {
      clock.now = time;
      for (const record of records) metrics.add(record);
    },
    sweep: (time: number) => metrics.sweep(time),
    ports: () => metrics.instruments.opened.series.map(({ attributes }) => attributes['server.port']),
  };
}

test('a series ends when nothing came for its time, and begins anew with a start of its own', (t) => {
  const { metrics, at, sweep, ports } = timed();
  at(0, of(1, { peerPort: 1 }), of(2, { peerPort: 2, event: 'failed', errorType: 'timed_out' }));
  sweep(100);
  at(600, of(3, { peerPort: 2 }));
  sweep(1000);
  t.deepEqual(ports(), [1, 2]);
  sweep(1100);
  t.deepEqual(ports(), [2]);
  for (const { series } of Object.values(metrics.instruments))
    t.true((series as readonly Series[]).every(({ attributes }) => attributes['server.port'] === 2));
  at(1500, of(4, { peerPort: 1 }));
  t.like(metrics.instruments.opened.series[1], { startTime: 1500, value: 1, attributes: { 'server.port': 1 } });
});

test('a series with a live connection stays however long nothing comes', (t) => {
  const { metrics, at, sweep, ports } = timed();
  at(0, of(1, { event: 'open' }));
  for (let time = 0; time < 100_000; time += 10_000) sweep(time);
  t.deepEqual(ports(), [5432]);
  at(100_000, of(1, { event: 'close', ...moved(5, 0, 0, 0) }));
  t.deepEqual(counts(metrics), { opened: 1, closed: 1, failed: 0, live: 0 });
  sweep(100_000);
  t.deepEqual(ports(), [5432], 'its end was to be collected first');
  sweep(101_000);
  t.deepEqual(ports(), []);
});

test('a connection whose owner is learnt late ends where it began, though that had long been idle', (t) => {
  const { metrics, at, sweep } = timed();
  at(0, of(1, { event: 'open', process: undefined }));
  at(5000, of(1, { event: 'update' }));
  for (const time of [5000, 6000, 7000]) sweep(time);
  at(8000, of(1, { event: 'close' }));
  t.deepEqual(counts(metrics), { opened: 1, closed: 1, failed: 0, live: 0 });
  sweep(8000);
  t.deepEqual(counts(metrics), { opened: 1, closed: 1, failed: 0, live: 0 }, 'its end was to be collected first');
});

test('whatever is added to a series keeps it', (t) => {
  const { at, sweep, ports } = timed();
  at(0, of(1));
  sweep(0);
  for (let time = 900; time < 5000; time += 900) {
    at(time, of(2, { event: 'reset', reset: { direction: 'receive', reason: undefined, segments: 1 } }));
    sweep(time);
  }
  t.deepEqual(ports(), [5432]);
});

test('what ended makes room: new series have places of their own again, and the overflow stays', (t) => {
  const { metrics, at, sweep, ports } = timed({ limit: 10 });
  at(0, ...Array.from({ length: 50 }, (_, number) => of(number, { peerPort: number + 1 })));
  t.is(ports().length, 10);
  sweep(0);
  sweep(1000);
  t.deepEqual(ports(), [undefined], 'what overflowed');
  // Each direction is a series, so here it came sooner.
  t.is(metrics.instruments.io.series.length, 1);
  t.true(total(metrics, 'io') > 0);
  at(1001, of(60, { peerPort: 60 }), of(61, { peerPort: 61 }));
  t.deepEqual(ports(), [undefined, 60, 61]);
  t.deepEqual(counts(metrics), { opened: 43, closed: 43, failed: 0, live: 0 });
});

test('look-ups have a series for each error, and for each name where that is asked for', (t) => {
  const lookup = (questionName: string, errorType?: 'nxdomain') =>
    ({ startTime: 0n, time: 20_000_000n, questionName, errorType }) as LookupRecord;
  const series = (options: ConnectionMetricsOptions) => {
    const metrics = new ConnectionMetrics({ ttl: 1000, limit: 4, ...options });
    for (const name of ['a', 'b', 'a', 'c', 'd']) metrics.addLookup(lookup(name));
    metrics.addLookup(lookup('a', 'nxdomain'));
    const list = () => metrics.instruments.lookup.series.map(({ attributes, count }) => [attributes, count]);
    const before = list();
    metrics.sweep(0);
    metrics.addLookup(lookup('a'));
    metrics.sweep(1000);
    return { before, after: list() };
  };
  t.deepEqual(series({}).before, [
    [{}, 5],
    [{ 'error.type': 'nxdomain' }, 1],
  ]);
  const overflow = { 'otel.metric.overflow': true };
  t.deepEqual(series({ lookupsByName: true }), {
    before: [
      [{ 'dns.question.name': 'a' }, 2],
      [{ 'dns.question.name': 'b' }, 1],
      [{ 'dns.question.name': 'c' }, 1],
      [overflow, 2],
    ],
    after: [
      [{ 'dns.question.name': 'a' }, 3],
      [overflow, 2],
    ],
  });
});
