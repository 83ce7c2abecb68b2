/** The agent's own metrics, for those who read them: over OTLP, and at `--health`. */
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { type IMetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import type { ExporterContext } from '../export/index.ts';
import { readOwnServiceName } from '../export/otlp/settings.ts';
import { schemaUrl, scopeName } from '../export/semconv.ts';
import { type AgentBooks, observeAgent, observeEventLoop } from './agent.ts';

export interface AgentMetricsOptions extends AgentBooks {
  readonly readers: readonly IMetricReader[];
  readonly resource: Resource;
  readonly version: string;
}

export interface AgentMetrics {
  /** Lets the readers collect once more. */
  shutdown(): Promise<void>;
}

export function startAgentMetrics({ readers, resource, version, ...books }: AgentMetricsOptions): AgentMetrics {
  const provider = new MeterProvider({ resource, readers: [...readers] });
  const meter = provider.getMeter(scopeName, version, { schemaUrl });
  observeAgent(meter, books);
  const stop = observeEventLoop(meter);
  return {
    async shutdown() {
      stop();
      await provider.shutdown().catch(() => undefined);
    },
  };
}

/** Where nothing else reads them. */
export function observeForHealth({ health, host }: Pick<ExporterContext, 'health' | 'host'>, books: AgentBooks): void {
  if (!health) return;
  const resource = resourceFromAttributes({
    'service.name': readOwnServiceName() ?? scopeName,
    'host.name': host.name,
  });
  startAgentMetrics({ ...books, readers: [health.reader], resource, version: host.agentVersion });
}
