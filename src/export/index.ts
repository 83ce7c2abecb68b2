/** The outputs that were asked for, in an explicit order. */
import type { Options } from '../cli/options.ts';
import type { KernelCounts, Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { Exporter } from '../model.ts';
import type { Selection } from '../select.ts';
import { createConsoleExporter } from './console.ts';
import type { Host } from './semconv/resource.ts';

export interface ExporterContext {
  readonly options: Options;
  readonly selection: Selection;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly host: Host;
  readonly ownNetworkNamespace: number;
  readonly kernelCounts: () => KernelCounts;
  readonly onOutputLost: (reason: string) => void;
}

/** Throws UsageError or StartError when an output cannot be set up as asked. */
export async function createExporters(context: ExporterContext): Promise<Exporter[]> {
  const { options } = context;
  const stdout = createConsoleExporter(context);
  return [
    ...(stdout ? [stdout] : []),
    ...(options.logs || options.metrics || options.traces ? await createOtlp(context) : []),
    ...(options.zmq.length > 0 ? [await createNtopng(context)] : []),
  ];
}

async function createNtopng(context: ExporterContext): Promise<Exporter> {
  const { createZmqExporter } = await import('./zmq/index.ts');
  return createZmqExporter(context);
}

/** Loaded only when there is an endpoint: the SDK takes a quarter of a second and 30 MiB. */
async function createOtlp(context: ExporterContext): Promise<Exporter[]> {
  const { createOtlpExporters } = await import('./otlp/index.ts');
  return createOtlpExporters(context);
}
