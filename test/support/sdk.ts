/** Sends through the OpenTelemetry SDK, as any instrumented program does. */

import { type Attributes, SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';

const resource = resourceFromAttributes({ 'service.name': 'sdk-test', 'process.pid': 4711 });

export interface SdkLog {
  readonly eventName: string;
  readonly attributes: Attributes;
}

export async function sendLogs(port: number, logs: readonly SdkLog[]): Promise<void> {
  const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${port}` });
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger('sdk-test', '1.0');
  for (const log of logs) logger.emit({ ...log, severityNumber: SeverityNumber.INFO, body: log.eventName });
  await provider.shutdown();
}

/** One counter with `total`, one histogram with `values`. */
export async function sendMetrics(port: number, total: number, values: readonly number[]): Promise<void> {
  const exporter = new OTLPMetricExporter({ url: `http://127.0.0.1:${port}` });
  const provider = new MeterProvider({ resource, readers: [new PeriodicExportingMetricReader({ exporter })] });
  const meter = provider.getMeter('sdk-test', '1.0');
  meter.createCounter('test.total', { unit: '{item}' }).add(total, { colour: 'red' });
  const histogram = meter.createHistogram('test.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [1, 10] },
  });
  for (const value of values) histogram.record(value);
  await provider.shutdown();
}
