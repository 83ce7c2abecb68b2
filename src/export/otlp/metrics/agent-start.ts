/**
 * The SDK lets a counter that it asks for begin when it is seen first, with all that it has counted until then: a first loss
 * would be no rise to anybody who looks at rates. The agent's own began at 0 when the agent did.
 */
import type { HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { agentMetrics, type MetricDefinition } from '../../semconv.ts';

const all: readonly MetricDefinition[] = Object.values(agentMetrics);
const counters = new Set(all.filter(({ instrument }) => instrument === 'counter').map(({ name }) => name));

export function beginWithAgent({ resource, scopeMetrics }: ResourceMetrics, start: HrTime): ResourceMetrics {
  const change = (metric: MetricData) => (isTotal(metric) ? beginAt(metric, start) : metric);
  return {
    resource,
    scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({ scope, metrics: metrics.map(change) })),
  };
}

/** A delta began at the collection before. */
function isTotal({ descriptor, aggregationTemporality }: MetricData): boolean {
  return counters.has(descriptor.name) && aggregationTemporality === AggregationTemporality.CUMULATIVE;
}

function beginAt(metric: MetricData, startTime: HrTime): MetricData {
  if (metric.dataPointType !== DataPointType.SUM) return metric;
  return { ...metric, dataPoints: metric.dataPoints.map((point) => ({ ...point, startTime })) };
}
