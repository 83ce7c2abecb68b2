/** The lines of the table: groups, the rows of those that are open, or rows alone. */
import { flags, type Test } from '../filter/terms.ts';
import type { Grouping } from './choices.ts';
import { type Group, groupRows, type Order, sortGroups, sortRows } from './groups.ts';
import type { Row } from './table.ts';

export type Item =
  | { readonly kind: 'group'; readonly group: Group; readonly isOpen: boolean }
  | { readonly kind: 'row'; readonly row: Row; readonly group: Group | undefined; readonly isLast: boolean };

/** What is shown of the rows, and how. */
export interface Choice {
  readonly grouping: Grouping;
  readonly order: Order;
  readonly filter: Test | undefined;
  /** Those that ended in an interval before, too. */
  readonly showsEnded: boolean;
  /** Only what failed, those that ended too. */
  readonly onlyFailed: boolean;
  /** Keys of groups. */
  readonly opened: ReadonlySet<string>;
}

export function itemsOf(rows: readonly Row[], choice: Choice): Item[] {
  const { grouping, order } = choice;
  const shown = rows.filter(isShown(choice));
  if (grouping === 'none') return sortRows(shown, order).map((row) => toItem(row, undefined, false));
  return sortGroups(groupRows(shown, grouping), order).flatMap((group) => unfold(group, choice));
}

function unfold(group: Group, { opened, order }: Choice): Item[] {
  const isOpen = opened.has(group.key);
  const head: Item = { kind: 'group', group, isOpen };
  if (!isOpen) return [head];
  const last = group.rows.length - 1;
  return [head, ...sortRows(group.rows, order).map((row, index) => toItem(row, group, index === last))];
}

function toItem(row: Row, group: Group | undefined, isLast: boolean): Item {
  return { kind: 'row', row, group, isLast };
}

function isShown({ filter, showsEnded, onlyFailed }: Choice): (row: Row) => boolean {
  const isFailed = flags.failed as Test;
  return ({ record, ended }) => {
    if (onlyFailed ? !isFailed(record) : ended === 'earlier' && !showsEnded) return false;
    return filter === undefined || filter(record);
  };
}

/** The same as long as it is the same group or connection. */
export function idOf(item: Item): string {
  return item.kind === 'group' ? `group ${item.group.key}` : `${item.row.record.cookie}`;
}
