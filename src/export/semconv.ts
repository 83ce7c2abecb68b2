/**
 * Every name that sockflow emits, and how its value is read: one table for OTLP, JSON, the terminal and the docs, by topic
 * in semconv/. Conventions 1.45.0; what they don't have is under `sockflow.*`.
 */
export type { Attribute, AttributeValue } from './semconv/attribute.ts';
export {
  durationOf,
  eventName,
  eventNames,
  serverPort,
  severityNumber,
  severityText,
} from './semconv/event.ts';
export { createLookupAttributes, hasFailed } from './semconv/lookup.ts';
export {
  createMetricAttributes,
  defaultMetricAttributes,
  lookupAttributeKeys,
  type MetricAttribute,
  metricAttributeNames,
  readLabelKey,
} from './semconv/metric-attributes.ts';
export {
  agentMetrics,
  connectionMetrics,
  lookupMetric,
  type MetricDefinition,
  metricAttributeKeys,
} from './semconv/metrics.ts';
export { createRecordAttributes } from './semconv/record.ts';
export {
  createResourceAttributes,
  type Host,
  hostAttributes,
  resourceAttributes,
  type ShownLabels,
  unknownService,
} from './semconv/resource.ts';

export const schemaUrl = 'https://opentelemetry.io/schemas/1.45.0';
export const scopeName = 'sockflow';
