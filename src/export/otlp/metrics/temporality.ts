/** Which instruments are sent as what changed since the last time, and which as totals. */
import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  InstrumentType,
} from '@opentelemetry/sdk-metrics';

const VARIABLE = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';

/** For each preference, the kinds that are sent as deltas. */
const deltas: Readonly<Record<string, ReadonlySet<InstrumentType>>> = {
  cumulative: new Set(),
  delta: new Set([
    InstrumentType.COUNTER,
    InstrumentType.OBSERVABLE_COUNTER,
    InstrumentType.HISTOGRAM,
    InstrumentType.GAUGE,
    InstrumentType.OBSERVABLE_GAUGE,
  ]),
  lowmemory: new Set([InstrumentType.COUNTER, InstrumentType.HISTOGRAM]),
};

/** Throws an Error of one line when the variable is no good. */
export function readTemporality(
  env: Readonly<Record<string, string | undefined>> = process.env,
): AggregationTemporalitySelector {
  const text = env[VARIABLE]?.trim() || 'cumulative';
  const kinds = deltas[text.toLowerCase()];
  if (kinds === undefined) throw new Error(`${VARIABLE} expects cumulative, delta or lowmemory, not "${text}"`);
  const { DELTA, CUMULATIVE } = AggregationTemporality;
  return (type) => (kinds.has(type) ? DELTA : CUMULATIVE);
}
