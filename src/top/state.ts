/** What the person at the terminal has chosen. */
import type { Test } from '../filter/terms.ts';
import type { ColumnName } from './columns.ts';
import type { Failing } from './failures.ts';
import type { Choice } from './items.ts';
import type { Row } from './table.ts';
import type { Totals } from './totals.ts';

/** What there is to see at the end of an interval. */
export interface Snapshot {
  /** Milliseconds. */
  readonly at: number;
  /** Undefined until the first interval is over. */
  readonly totals: Totals;
  readonly rows: readonly Row[];
  readonly failing: readonly Failing[];
}

export interface State extends Choice {
  /** As it was typed. */
  readonly filterText: string;
  readonly isPaused: boolean;
  /** Names of peers, where they are known. */
  readonly showsNames: boolean;
  readonly isHelp: boolean;
  /** Columns that are seen; undefined: as many as there is room for. */
  readonly columns: ReadonlySet<ColumnName> | undefined;
  /** Columns are being chosen: the one that the cursor is on. */
  readonly picking: number | undefined;
  /** The filter as it is being typed, and what is wrong with it. */
  readonly input: { readonly text: string; readonly error?: string } | undefined;
  /** The line that the cursor is on, and where that was when it was seen last. Undefined: there is no cursor. */
  readonly selected: { readonly id: string; readonly index: number } | undefined;
  /** The first line of the table that is seen. */
  readonly first: number;
}

export function firstState(
  given: Pick<State, 'grouping' | 'order' | 'filterText'> & { readonly filter: Test | undefined },
): State {
  return {
    ...given,
    showsEnded: false,
    onlyFailed: false,
    opened: new Set(),
    isPaused: false,
    showsNames: true,
    isHelp: false,
    columns: undefined,
    picking: undefined,
    input: undefined,
    selected: undefined,
    first: 0,
  };
}
