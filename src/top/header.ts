/** The lines above the table: the host in numbers, what is chosen, and the names of the columns. */
import type { Colors } from '../export/text/layout.ts';
import { sanitise } from '../export/text/sanitise.ts';
import { formatCount } from '../export/text/units.ts';
import { cutMiddle, cutStart, displayWidth, pad } from '../export/text/width.ts';
import type { Grouping, Sorting } from './choices.ts';
import { type Column, type ColumnName, MARGIN } from './columns.ts';
import type { Order } from './groups.ts';
import type { Snapshot, State } from './state.ts';
import type { TopSymbols } from './symbols.ts';
import type { Totals } from './totals.ts';

export interface HeaderStyle {
  readonly symbols: TopSymbols;
  readonly colors: Colors;
  /** Of the terminal. */
  readonly columns: number;
  readonly hostName: string;
  /** Milliseconds. */
  readonly interval: number;
}

/** `sockflow top · node-7 · 21:14:03    1842 open  +312/s −309/s  fail 4/s  retr 0.2%  lost 0 ✓` */
export function formatTotals({ at, totals }: Snapshot, style: HeaderStyle): string {
  const { symbols, columns, colors } = style;
  const balance = totals.isBalanced ? symbols.balanced : symbols.unbalanced;
  const mostly = totals.lostMostly && totals.lost > 0 ? ` ${totals.lostMostly}` : '';
  const lost = `lost ${totals.lost}${mostly} ${balance}`;
  const rest = fitParts(partsOf(totals, symbols), columns - lost.length - 2).join('  ');
  const right = `${rest}  ${lost}`;
  const names = ['sockflow top', sanitise(style.hostName, symbols.ascii), new Date(at).toTimeString().slice(0, 8)];
  const [product = '', host = '', time = ''] = names;
  const separator = ` ${symbols.dot} `;
  const choices = [[product, host, time], [product, time], [time]].map((some) => some.join(separator));
  const left = choices.find((text) => displayWidth(text) + 2 <= columns - displayWidth(right)) ?? '';
  const isWell = totals.lost === 0 && totals.isBalanced;
  const end = `${rest}  ${isWell ? lost : colors.red(lost)}`;
  return `${pad(left, columns - displayWidth(right))}${end}`;
}

/** The least important first. */
function partsOf({ open, opened, closed, failed, retransmitted }: Totals, { minus }: TopSymbols) {
  return [
    { text: `${open} open`, weight: 3 },
    { text: `+${rate(opened)} ${minus}${rate(closed)}`, weight: 1 },
    { text: `fail ${rate(failed)}`, weight: 2 },
    { text: `retr ${(retransmitted * 100).toFixed(1)}%`, weight: 0 },
  ];
}

function rate(aSecond: number): string {
  return `${aSecond > 0 && aSecond < 9.95 && !Number.isInteger(aSecond) ? aSecond.toFixed(1) : formatCount(aSecond)}/s`;
}

/** Those that fit, in their order; the lightest go first. */
function fitParts(parts: readonly { readonly text: string; readonly weight: number }[], width: number): string[] {
  const length = parts.reduce((sum, { text }) => sum + text.length + 2, -2);
  if (length <= width || parts.length === 0) return parts.map(({ text }) => text);
  const lightest = parts.reduce((least, part) => (part.weight < least.weight ? part : least));
  return fitParts(
    parts.filter((part) => part !== lightest),
    width,
  );
}

const sortNames: Readonly<Record<Sorting, string>> = {
  rate: 'TX+RX',
  received: 'RX',
  sent: 'TX',
  bytes: 'bytes',
  rtt: 'RTT',
  retransmits: 'RETR',
  connections: 'connections',
  age: 'age',
  name: 'name',
};

/** `/ ns=shop !port=22        group process · sort TX+RX↓ · 1s · ? help` */
export function formatChoice(state: State, { symbols, colors, columns, interval }: HeaderStyle): string {
  const dot = ` ${symbols.dot} `;
  const parts = [
    ...(state.isPaused ? ['PAUSED'] : []),
    ...(state.onlyFailed ? ['failed only'] : []),
    ...(state.showsEnded ? ['closed too'] : []),
    `group ${state.grouping}`,
    `sort ${sortNames[state.order.by]}${isAscending(state.order) ? symbols.sent : symbols.received}`,
    `${interval / 1000}s`,
  ];
  const help = `${dot}? help`;
  const full = parts.join(dot) + help;
  const right = full.length <= columns ? full : parts.slice(0, -1).join(dot);
  const room = columns - displayWidth(right) - 2;
  const left = leftOf(state, symbols, Math.max(room, 0));
  const shown = pad(left, Math.max(0, columns - displayWidth(right))) + right;
  return state.isPaused ? colors.yellow(shown) : shown;
}

function leftOf({ input, filterText }: State, { ascii, cut }: TopSymbols, room: number): string {
  // Of what is being typed the end is seen.
  if (input) return `/ ${cutStart(`${sanitise(input.text, ascii)}_`, room - 2)}`;
  return filterText === '' ? '' : cutMiddle(`/ ${sanitise(filterText, ascii)}`, room, cut);
}

/** A name begins with A, an age with the oldest. */
function isAscending({ by, isReversed }: Order): boolean {
  return by === 'name' ? !isReversed : isReversed;
}

export function formatHeadings(columns: readonly Column[], grouping: Grouping, symbols: TopSymbols): string {
  const cells = columns.map(({ name, width, isRight }) => {
    const whole = headingOf(name, grouping, symbols);
    const heading = displayWidth(whole) > width ? short(name, symbols) : whole;
    return isRight ? heading.padStart(width) : pad(heading, width);
  });
  return ' '.repeat(MARGIN) + cells.join(' ');
}

/** Of columns that may be narrower than their names. */
function short(name: ColumnName, { dialled, accepted }: TopSymbols): string {
  return name === 'peer' ? `${dialled} ${accepted} PEER` : 'POD';
}

const titles: Readonly<Record<Grouping, string>> = {
  process: 'PROCESS',
  pod: 'POD/CONTAINER',
  peer: 'PEER',
  port: 'PORT',
  user: 'USER',
  none: 'PROCESS[PID]',
};

export function headingOf(
  name: ColumnName,
  grouping: Grouping,
  { dialled, accepted, sum, sent, received }: TopSymbols,
) {
  const headings: Readonly<Record<ColumnName, string>> = {
    title: titles[grouping],
    user: 'USER',
    parent: 'PARENT',
    pod: 'POD/CONTAINER',
    local: 'LOCAL',
    peer: `${dialled} DIALLED  ${accepted} ACCEPTED`,
    interface: 'IFACE',
    state: 'STATE',
    age: 'AGE',
    rtt: 'RTT',
    minRtt: 'MINRTT',
    retransmits: 'RETR',
    bytes: `${sum}BYTES`,
    received: `${received}RX/s`,
    sent: `${sent}TX/s`,
  };
  return headings[name];
}
