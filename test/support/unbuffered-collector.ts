/** A Collector that has written down what it says it has: it may be killed at any moment, and its files tell the truth. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Collector, type LogRecord, readLogs, startCollector } from './collector.ts';

/** With a rotation, which never comes, the file exporter writes before it answers; otherwise every 100 ms. */
const config = `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: '\${env:COLLECTOR_GRPC_ENDPOINT}' }
exporters:
  file/logs: { path: '\${env:COLLECTOR_LOGS_FILE}', rotation: { max_megabytes: 10000 } }
extensions:
  health_check: { endpoint: '\${env:COLLECTOR_HEALTH_ENDPOINT}' }
service:
  extensions: [health_check]
  pipelines:
    logs: { receivers: [otlp], exporters: [file/logs] }
  telemetry: { metrics: { level: none } }
`;

export function startUnbuffered(directory: string, grpcPort?: number): Promise<Collector> {
  return startCollector({ directory, config, ...(grpcPort !== undefined && { ports: { grpcPort } }) });
}

/** What one that was killed has: without the line that it was about to write. */
export function readKilled(logsFile: string): LogRecord[] {
  if (!existsSync(logsFile)) return [];
  const text = readFileSync(logsFile, 'utf8');
  const whole = `${logsFile}.whole`;
  writeFileSync(whole, text.slice(0, text.lastIndexOf('\n') + 1));
  return readLogs(whole);
}

/** Each record once, by its uid. `differing`: uids under which not always the same came; `doubled`: that came again. */
export function unique(records: readonly LogRecord[]): { once: LogRecord[]; doubled: number; differing: string[] } {
  const byUid = Map.groupBy(records, ({ attributes }) => String(attributes['log.record.uid']));
  const text = (record: LogRecord) =>
    JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
  const differing = [...byUid].filter(([, same]) => new Set(same.map(text)).size > 1).map(([uid]) => uid);
  return {
    once: [...byUid.values()].map(([first]) => first as LogRecord),
    doubled: records.length - byUid.size,
    differing,
  };
}

export function logsFileIn(directory: string): string {
  return join(directory, 'logs.json');
}
