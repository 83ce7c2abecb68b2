/**
 * A collection to the bytes of an ExportMetricsServiceRequest. The SDK's serializer knows no exemplars, and encodes the
 * attributes of each series anew each time; for all else a test holds this one to it.
 *
 * ExportMetricsServiceRequest { resource_metrics = 1 }
 * ResourceMetrics { resource = 1, scope_metrics = 2, schema_url = 3 }
 * ScopeMetrics { scope = 1, metrics = 2, schema_url = 3 }
 * Metric { name = 1, description = 2, unit = 3, gauge = 5, sum = 7, histogram = 9, exponential_histogram = 10 }
 * Gauge, Sum, Histogram, ExponentialHistogram { data_points = 1, aggregation_temporality = 2, is_monotonic = 3 }
 */
import type { Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics';
import { encodePair } from '../any-value.ts';
import { ByteBuffer } from '../buffer.ts';
import { encodeText } from '../request-writer.ts';
import { pairsOf, writeExponential, writeHistogram, writeNumber } from './point-writer.ts';

const FIRST = 0x0a;
const SECOND = 0x12;
const THIRD = 0x1a;
const TEMPORALITY = 0x10;
const MONOTONIC = 0x18;
/** Field of the data in a Metric. */
const data = {
  [DataPointType.GAUGE]: 0x2a,
  [DataPointType.SUM]: 0x3a,
  [DataPointType.HISTOGRAM]: 0x4a,
  [DataPointType.EXPONENTIAL_HISTOGRAM]: 0x52,
} as const;
const temporalities = { [AggregationTemporality.DELTA]: 1, [AggregationTemporality.CUMULATIVE]: 2 } as const;

export function encodeRequest({ resource, scopeMetrics }: ResourceMetrics): Uint8Array<ArrayBuffer> {
  const out = new ByteBuffer(64 * 1024);
  const start = out.begin(FIRST);
  const resourceStart = out.begin(FIRST);
  for (const [key, value] of pairsOf(resource.attributes as Attributes)) out.raw(encodePair(FIRST, key, value));
  out.end(resourceStart);
  for (const scope of scopeMetrics) writeScope(scope, out);
  if (resource.schemaUrl) out.raw(encodeText(THIRD, resource.schemaUrl));
  out.end(start);
  return out.take();
}

function writeScope({ scope, metrics }: ScopeMetrics, out: ByteBuffer): void {
  const start = out.begin(SECOND);
  const scopeStart = out.begin(FIRST);
  out.raw(encodeText(FIRST, scope.name));
  if (scope.version) out.raw(encodeText(SECOND, scope.version));
  out.end(scopeStart);
  for (const metric of metrics) writeMetric(metric, out);
  if (scope.schemaUrl) out.raw(encodeText(THIRD, scope.schemaUrl));
  out.end(start);
}

function writeMetric(metric: MetricData, out: ByteBuffer): void {
  const { name, description, unit } = metric.descriptor;
  const start = out.begin(SECOND);
  out.raw(encodeText(FIRST, name));
  if (description) out.raw(encodeText(SECOND, description));
  if (unit) out.raw(encodeText(THIRD, unit));
  const dataStart = out.begin(data[metric.dataPointType]);
  writePoints(metric, out);
  if (metric.dataPointType !== DataPointType.GAUGE)
    writeSmall(TEMPORALITY, temporalities[metric.aggregationTemporality], out);
  if (metric.dataPointType === DataPointType.SUM && metric.isMonotonic) writeSmall(MONOTONIC, 1, out);
  out.end(dataStart);
  out.end(start);
}

function writePoints(metric: MetricData, out: ByteBuffer): void {
  if (metric.dataPointType === DataPointType.HISTOGRAM)
    for (const point of metric.dataPoints) writeHistogram(point, out);
  else if (metric.dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM)
    for (const point of metric.dataPoints) writeExponential(point, out);
  else for (const point of metric.dataPoints) writeNumber(point, metric.descriptor.valueType, out);
}

function writeSmall(tag: number, value: number, out: ByteBuffer): void {
  out.varint(tag);
  out.varint(value);
}
