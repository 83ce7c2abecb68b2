/** Reads what the Collector's file exporter wrote: one OTLP JSON message a line, here flattened to one object an item. */

import { readFileSync } from 'node:fs';

export type Attributes = Record<string, unknown>;

export interface Scope {
  readonly name: string;
  readonly version: string;
}

export interface LogRecord {
  readonly resource: Attributes;
  readonly scope: Scope;
  readonly eventName: string;
  readonly attributes: Attributes;
  readonly body: unknown;
  /** UNIX nanoseconds. */
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly traceId: string;
  readonly spanId: string;
}

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

export function readLogs(file: string): LogRecord[] {
  return readMessages<LogsMessage>(file).flatMap((message) => list(message.resourceLogs).flatMap(logsOfResource));
}

export function readMetrics(file: string): DataPoint[] {
  return readMessages<MetricsMessage>(file).flatMap((message) =>
    list(message.resourceMetrics).flatMap(pointsOfResource),
  );
}

/** The last line is left out while the Collector is still writing it. */
function readMessages<Message>(file: string): Message[] {
  const text = readFileSync(file, 'utf8');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Message);
}

// What protobuf's JSON form leaves out has its default value: every field is optional, 64-bit integers are strings.

type Integer = string | number;

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: Integer;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
}

interface KeyValue {
  key: string;
  value?: AnyValue;
}

interface RawResource {
  attributes?: KeyValue[];
}

interface RawScope {
  name?: string;
  version?: string;
}

interface LogsMessage {
  resourceLogs?: ResourceLogs[];
}

interface ResourceLogs {
  resource?: RawResource;
  scopeLogs?: { scope?: RawScope; logRecords?: RawLogRecord[] }[];
}

interface RawLogRecord {
  timeUnixNano?: Integer;
  observedTimeUnixNano?: Integer;
  severityNumber?: number;
  severityText?: string;
  eventName?: string;
  body?: AnyValue;
  attributes?: KeyValue[];
  traceId?: string;
  spanId?: string;
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

function logsOfResource(group: ResourceLogs): LogRecord[] {
  const resource = decodeAttributes(group.resource?.attributes);
  return list(group.scopeLogs).flatMap((inner) =>
    list(inner.logRecords).map((record) => decodeLog(resource, decodeScope(inner.scope), record)),
  );
}

function decodeLog(resource: Attributes, scope: Scope, record: RawLogRecord): LogRecord {
  return {
    resource,
    scope,
    eventName: record.eventName ?? '',
    attributes: decodeAttributes(record.attributes),
    body: decodeValue(record.body),
    timeUnixNano: BigInt(record.timeUnixNano ?? 0),
    observedTimeUnixNano: BigInt(record.observedTimeUnixNano ?? 0),
    severityNumber: record.severityNumber ?? 0,
    severityText: record.severityText ?? '',
    traceId: record.traceId ?? '',
    spanId: record.spanId ?? '',
  };
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

function decodeScope(scope: RawScope = {}): Scope {
  return { name: scope.name ?? '', version: scope.version ?? '' };
}

function decodeAttributes(pairs: KeyValue[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, decodeValue(value)]));
}

function decodeValue(value: AnyValue = {}): unknown {
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue) return list(value.arrayValue.values).map(decodeValue);
  if (value.kvlistValue) return decodeAttributes(value.kvlistValue.values);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, 'base64');
  return value.stringValue ?? value.boolValue;
}

/** A number, or a bigint where a number would lose digits. */
function integer(value: Integer = 0): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

function optionalNumber(value: number | string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function list<Item>(items: Item[] | undefined): Item[] {
  return items ?? [];
}
