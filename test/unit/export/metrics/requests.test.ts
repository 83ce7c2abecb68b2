import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { encodeMetrics } from '../../../../src/export/otlp/metrics/requests.ts';

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
