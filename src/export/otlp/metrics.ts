/** Metrics to an OTLP server: aggregated by us, collected and sent by the SDK's reader and exporter. */
import { type ExportResult, ExportResultCode, type InstrumentationScope } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  type InstrumentType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { ConnectionRecord, Exporter } from '../../model.ts';
import { schemaUrl, scopeName } from '../semconv.ts';
import { type AgentBooks, observeAgent } from './agent-metrics.ts';
import { ConnectionMetrics, type ConnectionMetricsOptions } from './connection-metrics.ts';
import type { Say } from './delivery.ts';
import { classify } from './grpc-status.ts';
import { createMetricProducer } from './producer.ts';
import { type CommonResource, readCommon } from './resource.ts';
import { createConfiguration, describeEndpoint, type OtlpOptions } from './transport.ts';

export interface OtlpMetricsOptions extends OtlpOptions, CommonResource, ConnectionMetricsOptions, AgentBooks {
  /** Time between two collections. Default: OTEL_METRIC_EXPORT_INTERVAL, else 60,000. */
  readonly intervalMs?: number | undefined;
}

export const METRICS_EXPORTER = 'otlp-metrics';
const LONGEST_EXPORT = 30_000;

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpMetricsExporter(options: OtlpMetricsOptions, say: Say): Exporter {
  const exporter = new SpeakingExporter(
    new OTLPMetricExporter(createConfiguration(options, 'METRICS')),
    describeEndpoint(options, 'METRICS'),
    say,
  );
  const metrics = new ConnectionMetrics(options);
  const provider = createProvider(options, metrics, exporter);
  let closed: Promise<void> | undefined;
  return {
    name: METRICS_EXPORTER,
    export(records: readonly ConnectionRecord[]) {
      for (const record of records) metrics.add(record);
    },
    shutdown(deadline) {
      closed ??= shutdown(provider, deadline);
      return closed;
    },
  };
}

function createProvider(options: OtlpMetricsOptions, metrics: ConnectionMetrics, exporter: SpeakingExporter) {
  const resource = resourceFromAttributes(
    { 'service.name': scopeName, ...(readCommon(options) as Record<string, string>) },
    { schemaUrl },
  );
  const scope: InstrumentationScope = { name: scopeName, version: options.host.agentVersion, schemaUrl };
  const producer = createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource,
    scope,
    selectTemporality: (type) => exporter.selectAggregationTemporality(type),
    ...(options.now && { now: options.now }),
  });
  const interval = options.intervalMs ?? readInterval();
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(interval, LONGEST_EXPORT),
    metricProducers: [producer],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  observeAgent(provider.getMeter(scopeName, options.host.agentVersion, { schemaUrl }), options);
  return provider;
}

/** The SDK leaves this variable to us. */
function readInterval(): number {
  const interval = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL || 60_000);
  return interval > 0 && Number.isFinite(interval) ? interval : 60_000;
}

/** Collects and sends once more; gives up at the deadline. */
async function shutdown(provider: MeterProvider, deadline: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, deadline - Date.now()));
  const flushed = provider.shutdown().catch(() => undefined);
  await Promise.race([flushed, promise]);
  clearTimeout(timer);
}

/**
 * Says on the agent's log what the SDK would keep to itself: each reason once, until it is over. The reader is told that
 * all is well, since it could only throw: with cumulative series the next collection holds what this one did.
 */
class SpeakingExporter implements PushMetricExporter {
  readonly #inner: OTLPMetricExporter;
  readonly #endpoint: string;
  readonly #say: Say;
  readonly #said = new Set<string>();

  constructor(inner: OTLPMetricExporter, endpoint: string, say: Say) {
    this.#inner = inner;
    this.#endpoint = endpoint;
    this.#say = say;
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    this.#inner.export(metrics, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) this.#onSuccess();
      else this.#onFailure(classify(error).message);
      done({ code: ExportResultCode.SUCCESS });
    });
  }

  #onSuccess(): void {
    if (this.#said.size > 0) this.#say(`OTLP metrics: ${this.#endpoint} takes metrics again`);
    this.#said.clear();
  }

  #onFailure(message: string): void {
    if (this.#said.has(message) || this.#said.size >= 100) return;
    this.#said.add(message);
    this.#say(`OTLP metrics: ${this.#endpoint}: not delivered: ${message}`);
  }

  selectAggregationTemporality(type: InstrumentType) {
    return this.#inner.selectAggregationTemporality(type);
  }

  selectAggregation(type: InstrumentType) {
    return this.#inner.selectAggregation(type);
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
