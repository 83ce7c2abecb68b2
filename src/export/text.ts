/** Records as lines for people, on a terminal or in a pipe. */
import { isatty } from 'node:tty';
import pc from 'picocolors';
import type { ConnectionRecord, Exporter, LookupRecord } from '../model.ts';
import { hasFailed, type ShownLabels } from './semconv.ts';
import type { Stdout } from './stdout.ts';
import { createBlockFormatter } from './text/block.ts';
import { createLayout, isUtf8Locale } from './text/layout.ts';
import { formatHeader, formatLine, formatLookup } from './text/line.ts';

export interface TextOptions extends ShownLabels {
  readonly verbose: boolean;
  /** Inode number of the agent's own network namespace. */
  readonly ownNetworkNamespace: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Columns of the terminal, asked for each batch since it may be resized; undefined: not a terminal. */
  readonly columns: () => number | undefined;
}

/** Writes the selected records to stdout as lines. */
export function createTextExporter(
  stdout: Stdout,
  isSelected: (record: ConnectionRecord) => boolean,
  withLookups: boolean,
  options: TextOptions,
): Exporter {
  const format = createTextFormatter(options);
  return {
    name: 'stdout',
    export: (records) => stdout.write(format(records.filter(isSelected))),
    exportLookups: (lookups) => {
      if (withLookups) stdout.write(format(lookups.filter(hasFailed)));
    },
    isBusy: stdout.isBusy,
    shutdown: (deadline) => stdout.shutdown(deadline),
  };
}

/** A text for each record, line feeds included. In a pipe the first one has a header before it. */
export function createTextFormatter(
  options: TextOptions,
): (records: readonly (ConnectionRecord | LookupRecord)[]) => string[] {
  const isUtf8 = isUtf8Locale(options.env);
  const isTerminal = options.columns() !== undefined;
  const colors = pc.createColors(isTerminal && !options.env.NO_COLOR && options.env.TERM !== 'dumb');
  const block = options.verbose ? createBlockFormatter(options, !isUtf8) : () => '';
  let isHeaderDue = !isTerminal;
  return (records) => {
    const layout = createLayout(options.columns(), isUtf8);
    const style = { layout, colors };
    const texts = records.map((record) =>
      record.event === 'dns' ? `${formatLookup(record, style)}\n` : `${formatLine(record, style)}\n${block(record)}`,
    );
    if (isHeaderDue && texts.length > 0) {
      texts[0] = `${formatHeader(layout)}\n${texts[0]}`;
      isHeaderDue = false;
    }
    return texts;
  };
}

const USUAL_COLUMNS = 80;

/** Columns of the terminal that stdout is, also after it was resized; undefined when it isn't one. */
export function watchColumns(): () => number | undefined {
  // process.stdout is only touched when it is a terminal: of a pipe it would change flags that others share.
  if (!isatty(1)) return () => undefined;
  return () => process.stdout.columns || USUAL_COLUMNS;
}
