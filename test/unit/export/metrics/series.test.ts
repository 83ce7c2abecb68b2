import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { ConnectionMetrics } from '../../../../src/export/otlp/metrics/connections.ts';
import { createMetricProducer } from '../../../../src/export/otlp/metrics/producer.ts';
import type { Series } from '../../../../src/export/otlp/metrics/series.ts';
import { aggregate, type Change, counts, of, total } from '../../../support/metrics.ts';
import { makeProcess } from '../../../support/otlp-records.ts';

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
