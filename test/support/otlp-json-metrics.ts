/** The metrics of what otlp-json.ts reads, flattened to one object a point. */
import {
  type Attributes,
  decodeAttributes,
  decodeScope,
  type Integer,
  integer,
  type KeyValue,
  list,
  type RawResource,
  type RawScope,
  readMessages,
  type Scope,
} from './otlp-json.ts';

export type Temporality = 'delta' | 'cumulative' | undefined;

interface DataPointBase {
  readonly resource: Attributes;
  readonly scope: Scope;
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly temporality: Temporality;
  readonly attributes: Attributes;
  /** UNIX nanoseconds; `start` is 0 where the metric has none. */
  readonly start: bigint;
  readonly time: bigint;
  readonly exemplars: readonly Exemplar[];
}

export interface Exemplar {
  readonly value: number;
  /** Hexadecimal; empty without a span. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export interface NumberPoint extends DataPointBase {
  readonly type: 'sum' | 'gauge';
  readonly monotonic: boolean;
  readonly value: number | bigint;
}

export interface HistogramValue {
  readonly count: number;
  readonly sum: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly buckets: readonly number[];
  readonly bounds: readonly number[];
}

export interface HistogramPoint extends DataPointBase {
  readonly type: 'histogram';
  readonly value: HistogramValue;
}

export interface ExponentialValue {
  readonly count: number;
  readonly sum: number;
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: { readonly offset: number; readonly buckets: readonly number[] };
  readonly negative: { readonly offset: number; readonly buckets: readonly number[] };
}

export interface ExponentialPoint extends DataPointBase {
  readonly type: 'exponential_histogram';
  readonly value: ExponentialValue;
}

export type DataPoint = NumberPoint | HistogramPoint | ExponentialPoint;

export function readMetrics(file: string): DataPoint[] {
  return readMessages<MetricsMessage>(file).flatMap((message) =>
    list(message.resourceMetrics).flatMap(pointsOfResource),
  );
}

/** The last value of each series of a service; they are cumulative. */
export function lastPoints(points: readonly DataPoint[], name: string, service: string): DataPoint[] {
  const ofService = points.filter((point) => point.name === name && point.attributes['service.name'] === service);
  const series = Map.groupBy(ofService, ({ attributes }) => JSON.stringify(Object.entries(attributes).sort()));
  return [...series.values()].map((all) => all.reduce((last, point) => (point.time >= last.time ? point : last)));
}

/** Over all series of a service that have these attributes: their values, of histograms how often they were recorded. */
export function total(
  points: readonly DataPoint[],
  name: string,
  service: string,
  having: Record<string, unknown> = {},
): number {
  return lastPoints(points, name, service)
    .filter(({ attributes }) => Object.entries(having).every(([key, value]) => attributes[key] === value))
    .reduce((sum, { value }) => sum + Number(typeof value === 'object' ? value.count : value), 0);
}

interface MetricsMessage {
  resourceMetrics?: ResourceMetrics[];
}

interface ResourceMetrics {
  resource?: RawResource;
  scopeMetrics?: { scope?: RawScope; metrics?: RawMetric[] }[];
}

interface RawData<Point> {
  dataPoints?: Point[];
  aggregationTemporality?: number;
  isMonotonic?: boolean;
}

interface RawMetric {
  name?: string;
  unit?: string;
  description?: string;
  sum?: RawData<RawNumberPoint>;
  gauge?: RawData<RawNumberPoint>;
  histogram?: RawData<RawHistogramPoint>;
  exponentialHistogram?: RawData<RawExponentialPoint>;
}

interface RawPoint {
  attributes?: KeyValue[];
  startTimeUnixNano?: Integer;
  timeUnixNano?: Integer;
  exemplars?: RawExemplar[];
}

interface RawExemplar {
  asInt?: Integer;
  asDouble?: number | string;
  traceId?: string;
  spanId?: string;
  filteredAttributes?: KeyValue[];
}

interface RawNumberPoint extends RawPoint {
  asInt?: Integer;
  asDouble?: number | string;
}

interface RawHistogramPoint extends RawPoint {
  count?: Integer;
  sum?: number | string;
  min?: number | string;
  max?: number | string;
  bucketCounts?: Integer[];
  explicitBounds?: number[];
}

interface RawExponentialPoint extends RawPoint {
  count?: Integer;
  sum?: number | string;
  scale?: number;
  zeroCount?: Integer;
  positive?: RawBuckets;
  negative?: RawBuckets;
}

interface RawBuckets {
  offset?: number;
  bucketCounts?: Integer[];
}

function pointsOfResource(group: ResourceMetrics): DataPoint[] {
  const resource = decodeAttributes(group.resource?.attributes);
  return list(group.scopeMetrics).flatMap((inner) =>
    list(inner.metrics).flatMap((metric) => pointsOfMetric(resource, decodeScope(inner.scope), metric)),
  );
}

function pointsOfMetric(resource: Attributes, scope: Scope, metric: RawMetric): DataPoint[] {
  const base = (data: RawData<unknown>, point: RawPoint): DataPointBase => ({
    resource,
    scope,
    name: metric.name ?? '',
    unit: metric.unit ?? '',
    description: metric.description ?? '',
    temporality: decodeTemporality(data.aggregationTemporality),
    attributes: decodeAttributes(point.attributes),
    start: BigInt(point.startTimeUnixNano ?? 0),
    time: BigInt(point.timeUnixNano ?? 0),
    exemplars: list(point.exemplars).map(decodeExemplar),
  });
  return [
    ...numberPoints('sum', metric.sum, base),
    ...numberPoints('gauge', metric.gauge, base),
    ...histogramPoints(metric.histogram, base),
    ...exponentialPoints(metric.exponentialHistogram, base),
  ];
}

type Base = (data: RawData<unknown>, point: RawPoint) => DataPointBase;

function numberPoints(type: 'sum' | 'gauge', data: RawData<RawNumberPoint> | undefined, base: Base): NumberPoint[] {
  return list(data?.dataPoints).map((point) => ({
    ...base(data ?? {}, point),
    type,
    monotonic: data?.isMonotonic ?? false,
    value: point.asDouble === undefined ? integer(point.asInt) : Number(point.asDouble),
  }));
}

function histogramPoints(data: RawData<RawHistogramPoint> | undefined, base: Base): HistogramPoint[] {
  return list(data?.dataPoints).map((point) => ({
    ...base(data ?? {}, point),
    type: 'histogram',
    value: {
      count: Number(point.count ?? 0),
      sum: Number(point.sum ?? 0),
      min: optionalNumber(point.min),
      max: optionalNumber(point.max),
      buckets: list(point.bucketCounts).map(Number),
      bounds: list(point.explicitBounds),
    },
  }));
}

function exponentialPoints(data: RawData<RawExponentialPoint> | undefined, base: Base): ExponentialPoint[] {
  return list(data?.dataPoints).map((point) => ({
    ...base(data ?? {}, point),
    type: 'exponential_histogram',
    value: {
      count: Number(point.count ?? 0),
      sum: Number(point.sum ?? 0),
      scale: point.scale ?? 0,
      zeroCount: Number(point.zeroCount ?? 0),
      positive: decodeBuckets(point.positive),
      negative: decodeBuckets(point.negative),
    },
  }));
}

function decodeBuckets(buckets: RawBuckets = {}): { offset: number; buckets: number[] } {
  return { offset: buckets.offset ?? 0, buckets: list(buckets.bucketCounts).map(Number) };
}

function decodeTemporality(code: number | undefined): Temporality {
  if (code === 1) return 'delta';
  return code === 2 ? 'cumulative' : undefined;
}

function decodeExemplar(exemplar: RawExemplar): Exemplar {
  return {
    value: Number(exemplar.asDouble ?? exemplar.asInt),
    traceId: exemplar.traceId ?? '',
    spanId: exemplar.spanId ?? '',
    attributes: decodeAttributes(exemplar.filteredAttributes),
  };
}

function optionalNumber(value: number | string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
