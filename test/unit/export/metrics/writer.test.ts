import { ValueType } from '@opentelemetry/api';
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { toJson } from '../../../../src/export/otlp/json-body.ts';
import { ConnectionMetrics } from '../../../../src/export/otlp/metrics/connections.ts';
import { type ExemplarFilter, readExemplarFilter } from '../../../../src/export/otlp/metrics/exemplars.ts';
import { createMetricProducer } from '../../../../src/export/otlp/metrics/producer.ts';
import { encodeRequest } from '../../../../src/export/otlp/metrics/writer.ts';
import { checkJson, decodeOfficially } from '../../../support/official-otlp.ts';
import { decodeMetrics } from '../../../support/otlp-decode.ts';
import { makeVariedRecords } from '../../../support/otlp-records.ts';

const resource = resourceFromAttributes({ 'service.name': 'größe', port: 7, on: true }, { schemaUrl: 'http://x' });

async function collect(
  histogram: 'explicit' | 'exponential',
  temporality: AggregationTemporality,
  exemplars?: ExemplarFilter,
) {
  const metrics = new ConnectionMetrics({ histogram, exemplars });
  for (const record of makeVariedRecords()) metrics.add(record);
  const producer = createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource,
    scope: { name: 'test', version: '1', schemaUrl: 'http://y' },
    selectTemporality: () => temporality,
  });
  return (await producer.collect()).resourceMetrics;
}

function bothWays(metrics: ResourceMetrics) {
  const sdk = ProtobufMetricsSerializer.serializeRequest(metrics) as Uint8Array;
  return [decodeMetrics(encodeRequest(metrics)), decodeMetrics(sdk)] as const;
}

for (const histogram of ['explicit', 'exponential'] as const)
  for (const temporality of [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
    test(`${histogram} histograms and sums are what the SDK makes of them, temporality ${temporality}`, async (t) => {
      const metrics = await collect(histogram, temporality);
      const [ours, theirs] = bothWays(metrics);
      t.true((ours[0]?.scopes[0]?.items.length ?? 0) > 8);
      t.deepEqual(ours, theirs);
    });

for (const histogram of ['explicit', 'exponential'] as const)
  test(`${histogram} histograms with exemplars hold by the official definitions, in JSON, too`, async (t) => {
    const filter = readExemplarFilter(true, { OTEL_METRICS_EXEMPLAR_FILTER: 'always_on' });
    const bytes = encodeRequest(await collect(histogram, AggregationTemporality.CUMULATIVE, filter));
    const { resourceMetrics } = decodeOfficially('metrics', bytes);
    const metrics: Record<string, Points | undefined>[] = resourceMetrics[0].scopeMetrics[0].metrics;
    const field = histogram === 'explicit' ? 'histogram' : 'exponentialHistogram';
    const points = metrics.flatMap((metric) => metric[field]?.dataPoints ?? []);
    t.true(points.flatMap(({ exemplars }) => exemplars).length > points.length / 2);
    t.notThrows(() => checkJson('metrics', JSON.parse(String(toJson('METRICS', bytes)))));
  });

interface Points {
  readonly dataPoints: readonly { readonly exemplars: readonly unknown[] }[];
}

test('gauges, doubles, large and negative numbers are, too; the same attributes in two kinds of points', (t) => {
  const attributes = { text: '日本語', number: 2 ** 40, half: 0.5, yes: false, list: ['a', 'b'] };
  const point = (value: number) => ({ attributes, startTime: [1, 2], endTime: [1_795_560_264, 999_999_999], value });
  const metric = (change: object, ...values: number[]) => ({
    descriptor: { name: 'x', description: 'd', unit: 'By', valueType: ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: values.map(point),
    ...change,
  });
  const double = { name: 'y', description: '', unit: '', valueType: ValueType.DOUBLE };
  const metrics = [
    metric({ dataPointType: DataPointType.GAUGE }, 0, 1, 2 ** 32, 2 ** 53 - 1),
    metric({ dataPointType: DataPointType.SUM, isMonotonic: false }, -1, -(2 ** 40), 127),
    metric({ dataPointType: DataPointType.SUM, isMonotonic: true, descriptor: double }, 0.1, 1e300, -0.5),
    metric({
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [
        { ...point(0), value: { count: 2 ** 33, sum: 5, buckets: { boundaries: [1], counts: [2 ** 33, 0] } } },
      ],
    }),
  ] as unknown as MetricData[];
  const [ours, theirs] = bothWays({ resource, scopeMetrics: [{ scope: { name: 'test' }, metrics }] });
  t.deepEqual(ours, theirs);
});
