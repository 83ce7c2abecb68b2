/**
 * What is behind the dashboards and examples/08-stack, all of it real: a Collector, behind it a Prometheus on either way there
 * is, VictoriaLogs, Jaeger.
 */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Backend, program, startJaeger, startPrometheus, startVictoriaLogs } from './backends.ts';
import { type Collector, freePort, startCollector } from './collector.ts';
import { temporaryDirectory } from './temporary.ts';

export const EXAMPLE = join(import.meta.dirname, '../../examples/08-stack');

export interface Stack {
  readonly collector: Collector;
  /** The Collector sends metrics to it, over OTLP. */
  readonly pushed: Backend;
  /** It asks the Collector for them. */
  readonly scraping: Backend;
  readonly logs: Backend;
  readonly jaeger: Backend;
}

/** Ends with the test. */
export async function startStack(t: ExecutionContext): Promise<Stack> {
  const prometheusPort = await freePort();
  const [pushed, scraping, logs, jaeger] = await Promise.all([
    startPrometheus(temporaryDirectory(t), { config: join(EXAMPLE, 'prometheus.yaml') }),
    startPrometheus(temporaryDirectory(t), { scrape: prometheusPort }),
    startVictoriaLogs(temporaryDirectory(t)),
    startJaeger(temporaryDirectory(t)),
  ]);
  for (const backend of [pushed, scraping, logs, jaeger]) t.teardown(() => backend.stop());
  const collector = await startCollector({
    directory: temporaryDirectory(t),
    program: program('collector'),
    config: [join(EXAMPLE, 'collector.yaml'), SCRAPED],
    ports: { prometheusPort },
    env: {
      PROMETHEUS_URL: `${pushed.url}/api/v1/otlp/v1/metrics`,
      VICTORIA_LOGS_URL: `${logs.url}/insert/opentelemetry/v1/logs`,
      JAEGER_ENDPOINT: `127.0.0.1:${jaeger.grpcPort}`,
    },
  });
  t.teardown(() => collector.kill());
  return { collector, pushed, scraping, logs, jaeger };
}

/** For those who ask the Collector for metrics instead. */
const SCRAPED = `
exporters:
  prometheus:
    endpoint: '\${env:COLLECTOR_PROMETHEUS_ENDPOINT}'
    resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true }
service:
  pipelines:
    metrics: { exporters: [otlp_http/prometheus, prometheus] }
`;
