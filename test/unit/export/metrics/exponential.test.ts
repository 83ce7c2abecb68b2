import {
  AggregationTemporality,
  AggregationType,
  type ExponentialHistogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import test, { type ExecutionContext } from 'ava';
import { ExponentialSeries } from '../../../../src/export/otlp/metrics/exponential.ts';
import { random as seeded } from '../../../support/random.ts';

function aggregate(values: readonly number[]): ExponentialSeries {
  const series = new ExponentialSeries({}, 0);
  for (const value of values) series.record(value);
  return series;
}

/** What the SDK makes of the same values. */
async function bySdk(values: readonly number[]): Promise<ExponentialHistogram> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 });
  const views = [{ instrumentName: 'x', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const }];
  const provider = new MeterProvider({ readers: [reader], views });
  const histogram = provider.getMeter('x').createHistogram('x');
  for (const value of values) histogram.record(value);
  await reader.forceFlush();
  const value = exporter.getMetrics()[0]?.scopeMetrics[0]?.metrics[0]?.dataPoints[0]?.value as ExponentialHistogram;
  await provider.shutdown();
  return value;
}

/** Buckets by their bounds, so that a bucket is compared with what it is for. */
function checkBuckets(t: ExecutionContext, series: ExponentialSeries, values: readonly number[]): void {
  const base = 2 ** (2 ** -series.scale);
  const tolerance = 1e-9;
  let at = 0;
  const sorted = values.filter((value) => value > 0).sort((a, b) => a - b);
  series.counts.forEach((count, place) => {
    const upper = base ** (series.offset + place + 1);
    const lower = base ** (series.offset + place);
    for (const value of sorted.slice(at, at + count))
      t.true(value > lower * (1 - tolerance) && value <= upper * (1 + tolerance), `${value} in (${lower}, ${upper}]`);
    at += count;
  });
  t.is(at, sorted.length);
}

const seed = Math.floor(Math.random() * 2 ** 31);
const random = seeded(seed);

test('each value is in the bucket that its size wants, as fine as 160 buckets allow', (t) => {
  t.log(`seed ${seed}`);
  for (const decades of [0.1, 1, 3, 8, 12]) {
    const values = Array.from({ length: 2000 }, () => 10 ** (random() * decades - decades / 2));
    const series = aggregate(values);
    t.true(series.counts.length <= 160, `${series.counts.length} buckets`);
    t.true(series.counts.length > 80 || series.scale === 20, 'one scale finer would not fit');
    checkBuckets(t, series, values);
  }
});

test('it is what the SDK makes of the same values', async (t) => {
  t.log(`seed ${seed}`);
  const sets = [
    [1],
    [0, 0, 1e-6],
    [1, 2, 4, 8, 2 ** -10, 2 ** 10],
    [0.001, 300],
    [1e-300, 1e300],
    Array.from({ length: 500 }, () => random() * 10),
    Array.from({ length: 500 }, () => 10 ** (random() * 9 - 6)),
  ];
  for (const values of sets) {
    const series = aggregate(values);
    const { positive, scale, zeroCount, count, sum, min, max } = await bySdk(values);
    t.deepEqual(
      [series.scale, series.offset, series.counts, series.zeroCount, series.count, series.sum, series.min, series.max],
      [scale, positive.offset, positive.bucketCounts, zeroCount, count, sum, min, max],
      `${values.slice(0, 6)}`,
    );
  }
});

test('powers of two are at the top of their bucket, at every scale', (t) => {
  for (let power = -20; power <= 20; power++) {
    const series = aggregate([2 ** power]);
    t.is(series.offset, power * 2 ** 20 - 1);
    // So far apart that each bucket is an octave.
    const coarse = aggregate([2 ** power, 2 ** (power - 60), 2 ** (power + 60)]);
    t.like(coarse, { scale: 0, offset: power - 61 });
    t.deepEqual(
      [0, 60, 120].map((place) => coarse.counts[place]),
      [1, 1, 1],
    );
  }
});

test('zero has a count of its own; after a reset it is as new', (t) => {
  const series = aggregate([0, 0, 5]);
  t.like(series, { zeroCount: 2, count: 3, min: 0, max: 5, scale: 20 });
  series.record(1e9);
  t.true(series.scale < 20);
  series.reset(7);
  t.like(series, { startTime: 7, zeroCount: 0, count: 0, sum: 0, scale: 20, counts: [] });
  series.record(3);
  t.deepEqual(series.counts, [1]);
});
