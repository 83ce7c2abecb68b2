/** What `--format` asked for, on stdout. */
import type { Options } from '../cli/options.ts';
import type { Ledger } from '../ledger.ts';
import type { Exporter } from '../model.ts';
import type { Selection } from '../select.ts';
import { createJsonExporter } from './json.ts';
import type { Host } from './semconv/resource.ts';
import { createStdout } from './stdout.ts';
import { createTextExporter, watchColumns } from './text.ts';

export interface ConsoleOptions {
  readonly options: Pick<
    Options,
    'format' | 'verbose' | 'attribute' | 'containerLabels' | 'podLabels' | 'podAnnotations'
  >;
  readonly selection: Selection;
  readonly ledger: Ledger;
  readonly host: Host;
  readonly ownNetworkNamespace: number;
  readonly onOutputLost: (reason: string) => void;
}

/** Undefined with `--format none`. */
export function createConsoleExporter(given: ConsoleOptions): Exporter | undefined {
  const { options, selection, ledger, host, ownNetworkNamespace, onOutputLost } = given;
  if (options.format === 'none') return undefined;
  const { containerLabels, podLabels, podAnnotations } = options;
  const shown = { containerLabels, podLabels, podAnnotations };
  const stdout = createStdout({ ledger, onLost: onOutputLost });
  if (options.format === 'json') {
    const json = { host, ownNetworkNamespace, attributes: options.attribute, ...shown };
    return createJsonExporter(stdout, selection.stdout, selection.lookups.stdout, json);
  }
  const text = { verbose: options.verbose, ...shown, ownNetworkNamespace, env: process.env, columns: watchColumns() };
  return createTextExporter(stdout, selection.stdout, selection.lookups.stdout, text);
}
