/** What the cells of a connection say. */
import type { Layout } from '../export/text/layout.ts';
import {
  arrowOf,
  containerOf,
  nameAndPid,
  type Parts,
  parentOf,
  peerCell,
  shorten,
  userOf,
} from '../export/text/line.ts';
import { endings, shortErrors } from '../export/text/tail.ts';
import { formatCount, formatDuration } from '../export/text/units.ts';
import type { ConnectionRecord } from '../model.ts';
import type { Column, ColumnName } from './columns.ts';
import type { TopSymbols } from './symbols.ts';
import type { Row } from './table.ts';

export interface Cell {
  readonly text: string;
  /** Red is trouble, yellow is worth a look. */
  readonly signal?: 'red' | 'yellow' | undefined;
}

export interface CellStyle {
  readonly symbols: TopSymbols;
  /** What does not fit is cut. */
  readonly cut: boolean;
  /** Of the end of the interval, UNIX nanoseconds. */
  readonly now: bigint;
}

type Render = (row: Row, style: CellStyle, width: number) => Cell;

const renders: Readonly<Record<Exclude<ColumnName, 'title'>, Render>> = {
  user: ({ record }, style, width) => ({ text: fitName(userOf(record.process), width, style) }),
  parent: ({ record }, style, width) => ({ text: fitParts(parentOf(record.process), width, style) }),
  pod: ({ record }, style, width) => ({ text: fitName(containerOf(record.process), width, style) }),
  local: ({ record }, { symbols }) => ({ text: record.localPort ? `:${record.localPort}` : symbols.none }),
  peer: ({ record }, style, width) => ({ text: peerText(record, style, width) }),
  interface: ({ record }, style, width) => ({
    text: fitName(record.interfaceName ?? style.symbols.none, width, style),
  }),
  state: ({ record, ended }) => ({ text: stateText(record, ended !== 'no'), signal: record.errorType && 'red' }),
  age: ({ record }, { now, symbols }) => ({ text: ageText(record.startTime, now, symbols) }),
  rtt: ({ record }, { symbols }) => rttCell(record.smoothedRtt, record.minRtt, symbols),
  minRtt: ({ record }, { symbols }) => rttCell(record.minRtt, undefined, symbols),
  retransmits: ({ record }, { symbols }) => retransmitsCell(record, symbols),
  bytes: ({ record }, { symbols }) => ({ text: countText(record.sentBytes + record.receivedBytes, symbols) }),
  received: ({ received }, { symbols }) => ({ text: countText(received, symbols) }),
  sent: ({ sent }, { symbols }) => ({ text: countText(sent, symbols) }),
};

/** Every cell but the first. */
export function rowCell(row: Row, { name, width }: Column, style: CellStyle): Cell {
  if (name === 'title') throw new Error('the first cell depends on the group');
  return renders[name](row, style, width);
}

/** A name, cut in its middle where it is too long. */
export function fitName(name: string, width: number, style: CellStyle): string {
  return fitParts({ name, fixed: '' }, width, style);
}

export function fitParts(parts: Parts, width: number, style: CellStyle): string {
  return shorten(parts, width, layoutOf(style, width));
}

export function processText({ process }: ConnectionRecord, width: number, style: CellStyle): string {
  return fitParts(nameAndPid(process?.executableName, process?.pid), width, style);
}

/** Direction, and the other end. */
export function peerText(record: ConnectionRecord, style: CellStyle, width: number): string {
  const layout = layoutOf(style, width);
  const arrow = `${arrowOf(record, layout)} `;
  return arrow + peerCell(record, { ...layout, peer: width - arrow.length });
}

/** What the functions for event lines ask of a layout. */
function layoutOf({ symbols, cut }: CellStyle, peer: number): Layout {
  const absent = { owner: 0, user: 0, parent: 0, container: 0, localPort: 0, tail: 0 };
  return { ...absent, peer, cut, isWide: false, symbols };
}

/** At most nine columns. */
const states: Readonly<Record<string, string>> = {
  established: 'est',
  syn_sent: 'syn',
  syn_recv: 'syn',
  new_syn_recv: 'syn',
  fin_wait1: 'fin1',
  fin_wait2: 'fin2',
  time_wait: 'tw',
  close_wait: 'cw',
  last_ack: 'lack',
  closing: 'clsg',
  unknown: '-',
  '': 'udp',
};

/** A failure is in CAPITALS, so that it is seen without colour. */
export function stateText({ state, event, errorType, closeReason }: ConnectionRecord, hasEnded: boolean): string {
  if (errorType) return shortErrors[errorType].toUpperCase();
  if (event === 'failed') return closeReason ? endings[closeReason] : 'failed';
  return hasEnded ? 'closed' : (states[state] ?? state);
}

/** A signal when it is five times what the path can do. */
export function rttCell(rtt: number | undefined, least: number | undefined, symbols: TopSymbols): Cell {
  if (rtt === undefined) return { text: symbols.none };
  const isLong = least !== undefined && rtt > 5 * least;
  return { text: formatDuration(rtt, symbols.microseconds), signal: isLong ? 'yellow' : undefined };
}

function retransmitsCell({ transport, retransmits, sentPackets }: ConnectionRecord, symbols: TopSymbols): Cell {
  if (transport === 'udp') return { text: symbols.none };
  return { text: formatCount(retransmits), signal: isMuch(retransmits, sentPackets) ? 'yellow' : undefined };
}

/** More than one percent. */
export function isMuch(retransmits: number, segments: number): boolean {
  return retransmits > 0 && retransmits * 100 > segments;
}

/** Nothing is a dash: a column of zeros hides what moves. */
export function countText(count: number, symbols: TopSymbols): string {
  return count < 0.5 ? symbols.none : formatCount(count);
}

export function ageText(begin: bigint, now: bigint, symbols: TopSymbols): string {
  return begin === 0n ? symbols.none : formatDuration(Math.max(0, Number(now - begin) / 1e9), symbols.microseconds);
}
