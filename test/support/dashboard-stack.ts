/** What the dashboards ask, all of it real: a Collector, behind it a Prometheus on either way there is, VictoriaLogs, Jaeger. */
import type { ExecutionContext } from 'ava';
import { type Backend, program, startJaeger, startPrometheus, startVictoriaLogs } from './backends.ts';
import { type Collector, freePort, startCollector } from './collector.ts';
import { temporaryDirectory } from './temporary.ts';

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
    startPrometheus(temporaryDirectory(t)),
    startPrometheus(temporaryDirectory(t), { scrape: prometheusPort }),
    startVictoriaLogs(temporaryDirectory(t)),
    startJaeger(temporaryDirectory(t)),
  ]);
  for (const backend of [pushed, scraping, logs, jaeger]) t.teardown(() => backend.stop());
  const collector = await startCollector({
    directory: temporaryDirectory(t),
    program: program('collector'),
    config: CONFIG,
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

const env = (name: string) => `'\${env:${name}}'`;

const CONFIG = `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: ${env('COLLECTOR_GRPC_ENDPOINT')} }
      http: { endpoint: ${env('COLLECTOR_HTTP_ENDPOINT')} }
exporters:
  otlp_http/prometheus: { metrics_endpoint: ${env('PROMETHEUS_URL')} }
  otlp_http/logs: { logs_endpoint: ${env('VICTORIA_LOGS_URL')}, headers: { VL-Stream-Fields: 'host.name,service.name' } }
  otlp_grpc/jaeger: { endpoint: ${env('JAEGER_ENDPOINT')}, tls: { insecure: true } }
  prometheus:
    endpoint: ${env('COLLECTOR_PROMETHEUS_ENDPOINT')}
    resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true }
extensions:
  health_check: { endpoint: ${env('COLLECTOR_HEALTH_ENDPOINT')} }
service:
  extensions: [health_check]
  pipelines:
    logs: { receivers: [otlp], exporters: [otlp_http/logs] }
    metrics: { receivers: [otlp], exporters: [otlp_http/prometheus, prometheus] }
    traces: { receivers: [otlp], exporters: [otlp_grpc/jaeger] }
  telemetry: { metrics: { level: none } }
`;
