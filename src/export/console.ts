/** What `--format` asked for, on stdout. */
import { isatty } from 'node:tty';
import type { Options } from '../cli/options.ts';
import { UsageError } from '../errors.ts';
import type { Ledger } from '../ledger.ts';
import type { Exporter } from '../model.ts';
import type { Selection } from '../select.ts';
import { createJsonExporter } from './json.ts';
import { createPcapngExporter } from './pcapng.ts';
import type { Host } from './semconv/resource.ts';
import { createStdout } from './stdout.ts';
import { createTextExporter, watchColumns } from './text.ts';

export interface ConsoleOptions {
  readonly options: Pick<
    Options,
    'format' | 'columns' | 'verbose' | 'attribute' | 'containerLabels' | 'podLabels' | 'podAnnotations'
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
  if (options.format === 'pcapng' && isatty(1))
    throw new UsageError(
      '--format pcapng expects a file or a pipe as stdout, such as: sockflow --format pcapng >events.pcapng',
    );
  const stdout = createStdout({ ledger, onLost: onOutputLost });
  const json = { host, ownNetworkNamespace, attributes: options.attribute, ...shown };
  if (options.format === 'json') return createJsonExporter(stdout, selection.stdout, selection.lookups.stdout, json);
  if (options.format === 'pcapng')
    return createPcapngExporter(stdout, selection.stdout, selection.lookups.stdout, json);
  const { verbose, columns } = options;
  const text = { verbose, shown: columns, ...shown, ownNetworkNamespace, env: process.env, columns: watchColumns() };
  return createTextExporter(stdout, selection.stdout, selection.lookups.stdout, text);
}
