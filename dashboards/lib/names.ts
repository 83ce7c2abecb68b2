/** Names of metrics and labels as Prometheus has them, made of the tables that the agent itself is made of. */
import { labelName, metricName } from '../../src/export/health/prometheus.ts';
import {
  agentMetrics,
  connectionMetrics,
  lookupMetric,
  type MetricDefinition,
  metricAttributeKeys,
} from '../../src/export/semconv.ts';

export const metrics = mapValues({ ...connectionMetrics, lookup: lookupMetric }, nameOf);
export const agent = mapValues(agentMetrics, nameOf);
export const labels = {
  ...mapValues(metricAttributeKeys, labelName),
  host: labelName('host.name'),
  pod: labelName('k8s.pod.name'),
};

function nameOf({ name, unit, instrument }: MetricDefinition): string {
  return metricName(name, unit, instrument === 'counter');
}

function mapValues<Key extends string, Value>(
  table: Readonly<Record<Key, Value>>,
  change: (value: Value) => string,
): Readonly<Record<Key, string>> {
  const entries = Object.entries<Value>(table).map(([key, value]) => [key, change(value)]);
  return Object.fromEntries(entries) as Record<Key, string>;
}
