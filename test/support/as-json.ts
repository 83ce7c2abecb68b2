import type { JsonRecord } from './agent.ts';
import type { LogRecord } from './collector.ts';

/** A log record of the Collector in the shape of a JSON line, so that one set of expectations serves both. */
export function asJson(log: LogRecord): JsonRecord {
  const time = new Date(Number(log.timeUnixNano / 1_000_000n)).toISOString();
  const nanoseconds = String(log.timeUnixNano % 1_000_000_000n).padStart(9, '0');
  return {
    timestamp: time.replace(/\.\d+Z/, `.${nanoseconds}Z`),
    event_name: log.eventName,
    severity_number: log.severityNumber,
    resource: log.resource as JsonRecord['resource'],
    attributes: log.attributes as JsonRecord['attributes'],
  };
}
