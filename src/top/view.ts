/** The whole picture as lines: a function of what there is to see, what was chosen, and the size of the terminal. */
import type { Colors } from '../export/text/layout.ts';
import { cutEnd, displayWidth, pad } from '../export/text/width.ts';
import { type Cell, type CellStyle, fitName, fitParts, processText, rowCell } from './cells.ts';
import type { Grouping } from './choices.ts';
import { type Column, chooseColumns } from './columns.ts';
import { formatKeys, formatTrouble } from './footer.ts';
import { groupCell } from './group-cells.ts';
import { formatChoice, formatHeadings, formatTotals, type HeaderStyle } from './header.ts';
import { formatHelp } from './help.ts';
import { type Item, idOf } from './items.ts';
import { formatPicker, formatPickerKeys } from './pick.ts';
import type { Snapshot, State } from './state.ts';
import type { TopSymbols } from './symbols.ts';

export interface ViewStyle {
  readonly symbols: TopSymbols;
  readonly colors: Colors & { readonly bold: (text: string) => string; readonly dim: (text: string) => string };
  readonly hostName: string;
  /** Milliseconds. */
  readonly interval: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Lines above the table. */
const HEAD = 3;
/** Below a terminal of so many rows the table is all there is room for. */
const TROUBLE_FROM = 16;

/** Lines of the table that a terminal has room for. */
export function tableHeight({ rows }: Size): number {
  return Math.max(1, rows - HEAD - footHeight(rows));
}

function footHeight(rows: number): number {
  if (rows >= TROUBLE_FROM) return 5;
  return rows > HEAD + 1 ? 1 : 0;
}

/** As many lines as the terminal has rows, none wider than it is. `message`: instead of the keys. */
export function formatScreen(
  snapshot: Snapshot,
  items: readonly Item[],
  state: State,
  size: Size,
  style: ViewStyle,
  message?: string,
): string[] {
  const { columns } = size;
  const cells = styleOf(snapshot, style, true);
  const header: HeaderStyle = { ...style, columns };
  const height = tableHeight(size);
  const chosen = chooseColumns(columns, state.columns);
  const shown = items.slice(state.first, state.first + height);
  const table = () => shown.map((item) => formatItem(item, chosen, state, cells, style));
  const picker = () => formatPicker(state, columns, height, style.symbols);
  const body = state.picking !== undefined ? picker() : state.isHelp ? formatHelp(style.symbols) : table();
  const lines = [
    formatTotals(snapshot, header),
    formatChoice(state, header),
    formatHeadings(chosen, state.grouping, style.symbols),
    ...Array.from({ length: height }, (_, index) => body[index] ?? ''),
    ...footer(snapshot, state, size, style, cells, message),
  ];
  return lines.slice(0, size.rows).map((line) => cutEnd(line, columns));
}

function footer(
  snapshot: Snapshot,
  { input, picking }: State,
  { columns, rows }: Size,
  { symbols, colors }: ViewStyle,
  cells: CellStyle,
  message: string | undefined,
): string[] {
  const height = footHeight(rows);
  if (height === 0) return [];
  const keys =
    picking === undefined ? formatKeys(symbols, columns) : fitName(formatPickerKeys(symbols), columns, cells);
  const last = lastLine(input, message, keys, symbols, columns, cells, colors);
  return height === 1 ? [last] : ['', ...formatTrouble(snapshot, cells, colors, columns), last];
}

function lastLine(
  input: State['input'],
  message: string | undefined,
  keys: string,
  symbols: TopSymbols,
  columns: number,
  cells: CellStyle,
  colors: Colors,
): string {
  if (input?.error !== undefined) return colors.red(fitName(input.error, columns, cells));
  if (input)
    return fitName(
      `${symbols.enter} filter  esc leave it as it was; proc= pid= peer= port= rtt>50ms failed !…`,
      columns,
      cells,
    );
  return message === undefined ? keys : colors.yellow(fitName(message, columns, cells));
}

/** One table for who reads lines: what says something else begins with `#`. `columns`: undefined for a pipe, where nothing is cut. */
export function formatOnce(
  snapshot: Snapshot,
  items: readonly Item[],
  state: State,
  columns: number | undefined,
  live: ViewStyle,
): string[] {
  // Nobody can open a group.
  const style = { ...live, symbols: { ...live.symbols, folded: ' ' } };
  const cells = styleOf(snapshot, style, columns !== undefined);
  const chosen = chooseColumns(columns);
  const width = chosen.reduce((sum, column) => sum + column.width + 1, 1);
  const header: HeaderStyle = { ...style, columns: width - 2 };
  const trouble = formatTrouble(snapshot, cells, style.colors, columns === undefined ? undefined : width - 2);
  const lines = [
    `# ${formatTotals(snapshot, header)}`,
    `#${formatHeadings(chosen, state.grouping, style.symbols).slice(1)}`,
    ...items.map((item) => formatItem(item, chosen, state, cells, style)),
    ...trouble.map((line) => `# ${line}`),
  ];
  return lines.map((line) => line.trimEnd());
}

function styleOf({ at }: Snapshot, { symbols }: ViewStyle, cut: boolean): CellStyle {
  return { symbols, cut, now: BigInt(Math.round(at)) * 1_000_000n };
}

function formatItem(
  item: Item,
  columns: readonly Column[],
  state: State,
  cells: CellStyle,
  { symbols, colors }: ViewStyle,
): string {
  const isSelected = state.selected?.id === idOf(item);
  const named = state.showsNames ? item : unnamed(item);
  const texts = columns.map((column) => paint(cellOf(named, column, state.grouping, cells), column, colors));
  const line = margin(item, isSelected, symbols) + texts.join(' ');
  if (isSelected) return colors.bold(line);
  return item.kind === 'row' && item.row.ended !== 'no' ? colors.dim(line) : line;
}

/** Cursor, and whether a group is open. */
function margin(item: Item, isSelected: boolean, symbols: TopSymbols): string {
  const fold = item.kind === 'group' ? (item.isOpen ? symbols.unfolded : symbols.folded) : ' ';
  return isSelected ? symbols.cursor + fold : `${fold} `;
}

function cellOf(item: Item, column: Column, grouping: Grouping, cells: CellStyle): Cell {
  if (column.name === 'title') return { text: titleOf(item, grouping, column.width, cells) };
  return item.kind === 'group' ? groupCell(item.group, column, cells) : rowCell(item.row, column, cells);
}

function titleOf(item: Item, grouping: Grouping, width: number, style: CellStyle): string {
  if (item.kind === 'group') {
    const count = `${item.group.connections}`;
    const name = fitName(item.group.name, width - count.length - 1, style);
    return pad(`${name} `, width - count.length) + count;
  }
  const { record } = item.row;
  if (item.group === undefined) return processText(record, width, style);
  const branch = `${item.isLast ? style.symbols.lastChild : style.symbols.child} `;
  if (grouping !== 'process') return branch + processText(record, width - 2, style);
  return branch + fitParts({ name: '', fixed: `${record.process?.pid ?? '-'}` }, width - 2, style);
}

function paint({ text, signal }: Cell, { width, isRight }: Column, colors: Colors): string {
  const padded = isRight ? ' '.repeat(Math.max(0, width - displayWidth(text))) + text : pad(text, width);
  return signal ? colors[signal](padded) : padded;
}

/** With addresses where names were. */
function unnamed(item: Item): Item {
  if (item.kind === 'row') return { ...item, row: withoutName(item.row) };
  return { ...item, group: { ...item.group, rows: item.group.rows.map(withoutName) } };
}

function withoutName<Shown extends { readonly record: { readonly peerName?: string | undefined } }>(row: Shown): Shown {
  if (row.record.peerName === undefined) return row;
  const { peerName: _, ...record } = row.record;
  return { ...row, record };
}
