/**
 * Metrics as Prometheus reads them (text format 0.0.4), under the names that Prometheus and the Collector give to the same
 * metrics when they come over OTLP: the unit and `_total` behind, `_` for what is no letter or digit.
 */
import type { Attributes } from '@opentelemetry/api';
import {
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Units as words; what is in braces only explains, and `1` is left out as well. */
const units: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

export function formatPrometheus({ resource, scopeMetrics }: ResourceMetrics): string {
  const metrics = scopeMetrics.flatMap((scope) => scope.metrics);
  return [...formatTarget(resource.attributes as Attributes), ...metrics.flatMap(formatMetric)].join('\n').concat('\n');
}

/** What the resource says, once, as Prometheus has it. */
function formatTarget(attributes: Attributes): string[] {
  return family('target_info', 'gauge', 'Where these metrics are from', [sample('target_info', attributes, 1)]);
}

function formatMetric(metric: MetricData): string[] {
  const { description } = metric.descriptor;
  const name = nameOf(metric);
  if (metric.dataPoints.length === 0) return [];
  if (metric.dataPointType === DataPointType.HISTOGRAM)
    return family(
      name,
      'histogram',
      description,
      metric.dataPoints.flatMap((point) => formatHistogram(name, point)),
    );
  // None of the agent's own is one, and the format has no place for it.
  if (metric.dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM) return [];
  const samples = metric.dataPoints.map(({ attributes, value }) => sample(name, attributes, value));
  return family(name, isCounter(metric) ? 'counter' : 'gauge', description, samples);
}

function isCounter(metric: MetricData): boolean {
  return metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
}

function nameOf(metric: MetricData): string {
  const { name, unit } = metric.descriptor;
  return metricName(name, unit, isCounter(metric));
}

/** What Prometheus calls a metric; the samples of a histogram have `_bucket`, `_sum` and `_count` behind that. */
export function metricName(name: string, unit: string, isCounter: boolean): string {
  const parts = [labelName(name), units[unit], isCounter ? 'total' : undefined];
  return parts.filter(Boolean).join('_');
}

function family(name: string, type: string, description: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${escapeText(description)}`, `# TYPE ${name} ${type}`, ...samples];
}

/** Buckets hold what is below them, too. */
function formatHistogram(name: string, { attributes, value }: DataPoint<Histogram>): string[] {
  const { counts, boundaries } = value.buckets;
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    return sample(`${name}_bucket`, { ...attributes, le: String(boundaries[index] ?? '+Inf') }, below);
  });
  return [
    ...buckets,
    sample(`${name}_sum`, attributes, value.sum ?? 0),
    sample(`${name}_count`, attributes, value.count),
  ];
}

function sample(name: string, attributes: Attributes, value: number): string {
  const labels = Object.entries(attributes).map(([key, text]) => `${labelName(key)}="${escapeLabel(String(text))}"`);
  return labels.length > 0 ? `${name}{${labels.join(',')}} ${value}` : `${name} ${value}`;
}

/** What Prometheus calls an attribute. */
export function labelName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeText(text.toWellFormed()).replaceAll('"', '\\"');
}
