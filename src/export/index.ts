/** The outputs that were asked for, in an explicit order. */

import type { ProcessFiles } from '../capture/process-files.ts';
import type { Options } from '../cli/options.ts';
import type { KernelCounts, Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { Exporter } from '../model.ts';
import type { Selection } from '../select.ts';
import { createConsoleExporter } from './console.ts';
import type { Address, Health } from './health/index.ts';
import type { Host } from './semconv/resource.ts';

export interface ExporterContext {
  readonly options: Options;
  readonly selection: Selection;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly host: Host;
  readonly ownNetworkNamespace: number;
  /** Of the host's processes. */
  readonly files: ProcessFiles | undefined;
  readonly kernelCounts: () => KernelCounts;
  /** What can be seen here, and what can't. */
  readonly capabilities: () => Readonly<Record<string, boolean>>;
  /** Everything is attached. */
  readonly isReady: () => boolean;
  readonly onOutputLost: (reason: string) => void;
  /** Set when it was asked for. */
  readonly health?: Health | undefined;
}

/** Throws UsageError when an output cannot be set up as asked, StartError when the host does not let it. */
export async function createExporters(given: ExporterContext): Promise<Exporter[]> {
  const { options } = given;
  const health = options.health ? await createHealth(given, options.health) : undefined;
  const context = { ...given, health };
  const stdout = createConsoleExporter(context);
  const hasOtlp = options.logs || options.metrics || options.traces;
  if (health && !hasOtlp) await observe(context);
  return [
    ...(stdout ? [stdout] : []),
    ...(hasOtlp ? await createOtlp(context) : []),
    ...(options.zmq.length > 0 ? [await createNtopng(context)] : []),
    ...(health ? [health.exporter] : []),
  ];
}

async function createNtopng(context: ExporterContext): Promise<Exporter> {
  const { createZmqExporter } = await import('./zmq/index.ts');
  return createZmqExporter(context);
}

/** The agent's own metrics where nothing is sent. */
async function observe(context: ExporterContext): Promise<void> {
  const { agentBooks } = await import('../telemetry/books.ts');
  const { observeForHealth } = await import('../telemetry/provider.ts');
  observeForHealth(context, agentBooks(context, []));
}

/** Loaded only when there is an endpoint: the SDK takes a quarter of a second and 30 MiB. */
async function createOtlp(context: ExporterContext): Promise<Exporter[]> {
  const { createOtlpExporters } = await import('./otlp/index.ts');
  return createOtlpExporters(context);
}

async function createHealth(context: ExporterContext, address: Address): Promise<Health> {
  const { openHealth } = await import('./health/index.ts');
  return openHealth({ address, isReady: context.isReady });
}
