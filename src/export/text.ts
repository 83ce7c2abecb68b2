/** Records as lines for people, on a terminal or in a pipe. */
import { isatty } from 'node:tty';
import pc from 'picocolors';
import type { ConnectionRecord, Exporter, LookupRecord } from '../model.ts';
import { hasFailed, type ShownLabels } from './semconv.ts';
import type { Stdout } from './stdout.ts';
import { createBlockFormatter } from './text/block.ts';
import type { ColumnName } from './text/column-names.ts';
import { formatColumnHeader, formatColumns } from './text/columns.ts';
import { createLayout, isUtf8Locale } from './text/layout.ts';
import { formatHeader, formatLine, formatLookup } from './text/line.ts';

export interface TextOptions extends ShownLabels {
  readonly verbose: boolean;
  /** Only these columns, in this order; undefined: as many of the usual ones as there is room for. */
  readonly shown?: readonly ColumnName[] | undefined;
  /** Inode number of the agent's own network namespace. */
  readonly ownNetworkNamespace: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Columns of the terminal, asked for each batch since it may be resized; undefined: not a terminal. */
  readonly columns: () => number | undefined;
}

type Style = Parameters<typeof formatColumns>[2];

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
  const { shown } = options;
  const formatOne = (record: ConnectionRecord | LookupRecord, style: Style): string => {
    if (shown) return formatColumns(record, shown, style);
    return record.event === 'dns' ? formatLookup(record, style) : formatLine(record, style);
  };
  let isHeaderDue = !isTerminal;
  return (records) => {
    const layout = createLayout(options.columns(), isUtf8);
    const style = { layout, colors, columns: options.columns() };
    const texts = records.map(
      (record) => `${formatOne(record, style)}\n${record.event === 'dns' ? '' : block(record)}`,
    );
    if (isHeaderDue && texts.length > 0) {
      texts[0] = `${shown ? formatColumnHeader(shown, style) : formatHeader(layout)}\n${texts[0]}`;
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
