/** Our series as the SDK's metric data, for a MetricReader to collect. */
import { type HrTime, ValueType } from '@opentelemetry/api';
import { type InstrumentationScope, millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  DataPointType,
  InstrumentType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { type HistogramSeries, type Instrument, type Series, SumSeries } from './series.ts';

const types = {
  counter: InstrumentType.COUNTER,
  upDownCounter: InstrumentType.UP_DOWN_COUNTER,
  gauge: InstrumentType.GAUGE,
  histogram: InstrumentType.HISTOGRAM,
} as const;

export interface ProducerOptions {
  readonly instruments: readonly Instrument<SumSeries | HistogramSeries>[];
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  /** The exporter's: delta series begin anew at each collection. */
  readonly selectTemporality: AggregationTemporalitySelector;
  readonly now?: () => number;
}

export function createMetricProducer(options: ProducerOptions): MetricProducer {
  const { instruments, resource, scope, selectTemporality, now = Date.now } = options;
  return {
    async collect() {
      const time = now();
      const metrics = instruments.flatMap((instrument) => {
        const temporality = selectTemporality(types[instrument.definition.instrument]);
        return instrument.series.length > 0 ? [collect(instrument, temporality, time)] : [];
      });
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

function collect(instrument: Instrument<Series>, temporality: AggregationTemporality, now: number): MetricData {
  const { name, description, unit, instrument: kind } = instrument.definition;
  const endTime = millisToHrTime(now);
  const isHistogram = kind === 'histogram';
  const descriptor = { name, description, unit, valueType: isHistogram ? ValueType.DOUBLE : ValueType.INT };
  const common = { descriptor, aggregationTemporality: temporality };
  const points = instrument.series.map((series) => toPoint(series, endTime));
  if (temporality === AggregationTemporality.DELTA) for (const series of instrument.series) series.reset(now);
  if (isHistogram)
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: points as Point<HistogramSeries>[] };
  const isMonotonic = kind === 'counter';
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic, dataPoints: points as Point<SumSeries>[] };
}

type Point<Kind extends Series> = ReturnType<typeof toPoint> & {
  value: Kind extends HistogramSeries ? ReturnType<typeof copy> : number;
};

function toPoint(series: Series, endTime: HrTime) {
  const value = series instanceof SumSeries ? series.value : copy(series);
  return { attributes: series.attributes, startTime: millisToHrTime(series.startTime), endTime, value };
}

/** The numbers as they are now: the exporter works while they go on changing. */
function copy({ bounds, counts, count, sum, min, max }: HistogramSeries) {
  const buckets = { boundaries: bounds as number[], counts: counts.slice() };
  return count === 0 ? { buckets, count, sum } : { buckets, count, sum, min, max };
}
