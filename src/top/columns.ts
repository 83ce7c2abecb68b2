/** Which columns the table has and how wide they are: a function of the terminal's width, and of what was chosen. */
export type ColumnName =
  | 'title'
  | 'user'
  | 'parent'
  | 'pod'
  | 'local'
  | 'peer'
  | 'interface'
  | 'state'
  | 'age'
  | 'rtt'
  | 'minRtt'
  | 'retransmits'
  | 'bytes'
  | 'received'
  | 'sent';

export interface Column {
  readonly name: ColumnName;
  readonly width: number;
  readonly isRight: boolean;
}

interface Rule {
  readonly width: number;
  /** For the sake of columns that were chosen. */
  readonly narrow?: number;
  /** Columns that the terminal has to have. */
  readonly from: number;
  /** Part of the width that is to spare. */
  readonly weight?: number;
  readonly isRight?: boolean;
}

/** Left of the first column: the cursor and whether a group is open. */
export const MARGIN = 2;
const NARROWEST = 60;
/** Where nothing is cut. */
const UNCUT = 160;

/** In the order in which they stand. With those of one width, what stands here fits into it. */
const rules: Readonly<Record<ColumnName, Rule>> = {
  title: { width: 18, narrow: 10, from: 0, weight: 1 },
  user: { width: 8, from: 130 },
  parent: { width: 12, from: 142 },
  pod: { width: 18, narrow: 10, from: 100, weight: 1 },
  local: { width: 6, from: 130 },
  peer: { width: 23, narrow: 14, from: 0, weight: 2 },
  interface: { width: 8, from: 160 },
  state: { width: 9, from: 68 },
  age: { width: 5, from: 130, isRight: true },
  rtt: { width: 6, from: 75, isRight: true },
  minRtt: { width: 6, from: 160, isRight: true },
  retransmits: { width: 4, from: 80, isRight: true },
  bytes: { width: 6, from: 130, isRight: true },
  received: { width: 6, from: 0, isRight: true },
  sent: { width: 6, from: 0, isRight: true },
};

export const columnNames = Object.keys(rules) as readonly ColumnName[];

/**
 * `columns`: of the terminal; undefined: a pipe or a file. Below 60 the lines are cut at their ends. `wanted`: these, as far as
 * there is room; undefined: as many as there is room for.
 */
export function chooseColumns(columns = UNCUT, wanted?: ReadonlySet<ColumnName>): readonly Column[] {
  const width = Math.max(columns, NARROWEST);
  const all = Object.entries(rules) as [ColumnName, Rule][];
  const chosen = wanted
    ? within(
        all.filter(([name]) => wanted.has(name)),
        width,
      )
    : all.filter(([, { from }]) => width >= from);
  const used = usedBy(chosen);
  const weights = chosen.reduce((sum, [, { weight = 0 }]) => sum + weight, 0);
  const part = Math.floor((width - used) / weights);
  const rest = width - used - part * weights;
  const widest = chosen.some(([name]) => name === 'peer') ? 'peer' : 'title';
  return chosen.map(([name, { width: least, weight = 0, isRight = false }]) => ({
    name,
    width: least + part * weight + (name === widest ? rest : 0),
    isRight,
  }));
}

/** Names become narrower first; then what only a wider terminal would show goes. */
function within(chosen: readonly [ColumnName, Rule][], width: number): readonly [ColumnName, Rule][] {
  const excess = usedBy(chosen) - width;
  if (excess <= 0) return chosen;
  const narrowed = narrow(chosen, excess);
  if (usedBy(narrowed) <= width) return narrowed;
  const least = chosen.reduce((one, other) => (other[1].from > one[1].from ? other : one));
  return within(
    chosen.filter((one) => one !== least),
    width,
  );
}

function narrow(chosen: readonly [ColumnName, Rule][], excess: number): readonly [ColumnName, Rule][] {
  let rest = excess;
  return chosen.map(([name, rule]) => {
    const less = Math.min(rest, rule.width - (rule.narrow ?? rule.width));
    rest -= less;
    return [name, { ...rule, width: rule.width - less }];
  });
}

function usedBy(chosen: readonly [ColumnName, Rule][]): number {
  return chosen.reduce((sum, [, rule]) => sum + rule.width, MARGIN + chosen.length - 1);
}
