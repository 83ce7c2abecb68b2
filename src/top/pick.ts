/** Which columns are seen: chosen on the screen, with `c`, for as long as the program runs. */
import type { Grouping } from './choices.ts';
import { type ColumnName, chooseColumns, columnNames } from './columns.ts';
import { headingOf } from './header.ts';
import type { Key } from './keys.ts';
import type { State } from './state.ts';
import type { TopSymbols } from './symbols.ts';

/** `columns`: of the terminal. */
export function pick(state: State, at: number, key: Key, columns: number): State {
  const moved = moves[key]?.(at);
  if (moved !== undefined) return { ...state, picking: Math.max(0, Math.min(moved, columnNames.length - 1)) };
  if (key === ' ' || key === 'enter') return { ...state, columns: turned(state, columnNames[at], columns) };
  if (key === 'a') return { ...state, columns: undefined };
  return leaving.includes(key) ? { ...state, picking: undefined } : state;
}

const moves: Readonly<Record<Key, (at: number) => number>> = {
  up: (at) => at - 1,
  k: (at) => at - 1,
  down: (at) => at + 1,
  j: (at) => at + 1,
  home: () => 0,
  end: () => columnNames.length,
  G: () => columnNames.length,
};
const leaving: readonly Key[] = ['c', 'q', 'escape'];

/** The first choice begins with what is seen. The title stays: without it nobody knows whose the numbers are. */
function turned(state: State, name: ColumnName | undefined, columns: number): ReadonlySet<ColumnName> {
  const chosen = new Set(state.columns ?? chooseColumns(columns).map((column) => column.name));
  if (name === undefined || name === 'title') return chosen;
  if (!chosen.delete(name)) chosen.add(name);
  return chosen;
}

/** In at most 60 columns, as the narrowest table. `height`: lines that there is room for. */
export function formatPicker(
  { picking = 0, columns: chosen, grouping }: State,
  columns: number,
  height: number,
  symbols: TopSymbols,
): string[] {
  const seen = new Set(chooseColumns(columns, chosen).map(({ name }) => name));
  const lines = columnNames.map((name, index) => {
    const isChosen = chosen ? chosen.has(name) : seen.has(name);
    const cursor = index === picking ? symbols.cursor : ' ';
    const line = `${cursor} [${isChosen ? 'x' : ' '}] ${nameOf(name, grouping, symbols).padEnd(24)}${noteOf(name, isChosen, seen)}`;
    return line.trimEnd();
  });
  const first = Math.max(0, Math.min(picking - height + 2, lines.length - height + 1));
  return [`  columns: ${chosen ? 'chosen' : 'as many as there is room for'}`, ...lines.slice(first)];
}

function nameOf(name: ColumnName, grouping: Grouping, symbols: TopSymbols): string {
  return headingOf(name, grouping, symbols);
}

function noteOf(name: ColumnName, isChosen: boolean, seen: ReadonlySet<ColumnName>): string {
  if (name === 'title') return 'always';
  return isChosen && !seen.has(name) ? 'no room' : '';
}

/** The line at the bottom meanwhile. */
export function formatPickerKeys({ upDown }: TopSymbols): string {
  return `space shows or hides  ${upDown} move  a as many as fit  c back`;
}
