/** Our series as the SDK's metric data, for a MetricReader to collect. */
import { type HrTime, ValueType } from '@opentelemetry/api';
import { type InstrumentationScope, millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  InstrumentType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Exemplar } from './exemplars.ts';
import { ExponentialSeries } from './exponential.ts';
import { HistogramSeries, type Instrument, type Series, type SumSeries } from './series.ts';

const types = {
  counter: InstrumentType.COUNTER,
  upDownCounter: InstrumentType.UP_DOWN_COUNTER,
  gauge: InstrumentType.GAUGE,
  histogram: InstrumentType.HISTOGRAM,
} as const;

export interface ProducerOptions {
  readonly instruments: readonly Instrument[];
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  /** The exporter's: delta series begin anew at each collection. */
  readonly selectTemporality: AggregationTemporalitySelector;
  readonly now?: () => number;
  /** Called with the time of each collection when it is complete. */
  readonly onCollected?: (now: number) => void;
}

/** The SDK's data points have no place for exemplars, so ours have one of their own; other exporters don't see them. */
export interface PointWithExemplars<Value> extends DataPoint<Value> {
  readonly exemplars: readonly Exemplar[];
}

/** All numbers of a collection are of the same moment. */
export function createMetricProducer(options: ProducerOptions): MetricProducer {
  const { instruments, resource, scope, selectTemporality, now = Date.now, onCollected } = options;
  return {
    async collect() {
      const time = now();
      const metrics = instruments.flatMap((instrument) => {
        const temporality = selectTemporality(types[instrument.definition.instrument]);
        return instrument.series.length > 0 ? [collect(instrument, temporality, time)] : [];
      });
      onCollected?.(time);
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

function collect(instrument: Instrument, temporality: AggregationTemporality, now: number): MetricData {
  const { name, description, unit, instrument: kind } = instrument.definition;
  const isHistogram = kind === 'histogram';
  const descriptor = { name, description, unit, valueType: isHistogram ? ValueType.DOUBLE : ValueType.INT };
  const common = { descriptor, aggregationTemporality: temporality };
  const times = createTimes(now);
  const points = <Kind extends Series, Value>(series: readonly Series[], read: (one: Kind) => Value) =>
    series.map((one) => times(one, read(one as Kind)));
  const all = instrument.series;
  const first = all[0];
  const data = (): MetricData => {
    if (first instanceof HistogramSeries)
      return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: points(all, copyExplicit) };
    if (first instanceof ExponentialSeries)
      return {
        ...common,
        dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
        dataPoints: points(all, copyExponential),
      };
    const dataPoints = points(all, ({ value }: SumSeries) => value);
    return { ...common, dataPointType: DataPointType.SUM, isMonotonic: kind === 'counter', dataPoints };
  };
  const result = data();
  if (temporality === AggregationTemporality.DELTA) for (const series of all) series.reset(now);
  return result;
}

/** Makes points; most series began at the same moment, which is converted once. */
function createTimes(now: number) {
  const endTime = millisToHrTime(now);
  let last = now;
  let converted: HrTime = endTime;
  return <Value>(series: Series, value: Value): PointWithExemplars<Value> => {
    if (series.startTime !== last) {
      last = series.startTime;
      converted = millisToHrTime(last);
    }
    const { attributes } = series;
    return { attributes, startTime: converted, endTime, value, exemplars: series.takeExemplars() };
  };
}

/** The numbers as they are now: the exporter works while they go on changing. */
function copyExplicit({ bounds, counts, count, sum, min, max }: HistogramSeries): Histogram {
  const buckets = { boundaries: bounds as number[], counts: counts.slice() };
  return count === 0 ? { buckets, count, sum } : { buckets, count, sum, min, max };
}

const nothing = { offset: 0, bucketCounts: [] };

function copyExponential(series: ExponentialSeries): ExponentialHistogram {
  const { scale, zeroCount, offset, counts, count, sum, min, max } = series;
  const positive = { offset, bucketCounts: counts.slice() };
  const common = { count, sum, scale, zeroCount, positive, negative: nothing };
  return count === 0 ? common : { ...common, min, max };
}
