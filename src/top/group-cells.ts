/** What the cells of a group say: what its rows have in common, how many there are, or a sum. */
import { containerOf, parentOf, userOf } from '../export/text/line.ts';
import { formatCount } from '../export/text/units.ts';
import type { ConnectionRecord } from '../model.ts';
import {
  ageText,
  type Cell,
  type CellStyle,
  countText,
  fitName,
  isMuch,
  peerText,
  rttCell,
  stateText,
} from './cells.ts';
import type { Column, ColumnName } from './columns.ts';
import type { Group } from './groups.ts';
import type { Row } from './table.ts';

type Render = (group: Group, style: CellStyle, width: number) => Cell;

const renders: Readonly<Record<Exclude<ColumnName, 'title'>, Render>> = {
  user: common('users', ({ process }) => userOf(process)),
  parent: common('parents', ({ process }) => parentOf(process).name),
  pod: common('pods', ({ process }) => containerOf(process)),
  local: common('', ({ localPort }) => (localPort ? `:${localPort}` : '')),
  peer: (group, style, width) => ({ text: peersText(group.rows, style, width) }),
  interface: common('', ({ interfaceName }) => interfaceName ?? ''),
  state: ({ rows }) => statesCell(rows),
  age: ({ begin }, { now, symbols }) => ({ text: ageText(begin, now, symbols) }),
  rtt: ({ rtt, rows }, { symbols }) => ({
    ...rttCell(rtt, undefined, symbols),
    signal: rows.some(({ record }) => isSlow(record)) ? 'yellow' : undefined,
  }),
  minRtt: ({ rows }, { symbols }) => rttCell(leastRtt(rows), undefined, symbols),
  retransmits: ({ retransmits, rows }, { symbols }) => ({
    text: rows.every(({ record }) => record.transport === 'udp') ? symbols.none : formatCount(retransmits),
    signal: isMuch(retransmits, segmentsOf(rows)) ? 'yellow' : undefined,
  }),
  bytes: ({ bytes }, { symbols }) => ({ text: countText(bytes, symbols) }),
  received: ({ received }, { symbols }) => ({ text: countText(received, symbols) }),
  sent: ({ sent }, { symbols }) => ({ text: countText(sent, symbols) }),
};

/** Every cell but the first. */
export function groupCell(group: Group, { name, width }: Column, style: CellStyle): Cell {
  if (name === 'title') throw new Error('the first cell has the name of the group');
  return renders[name](group, style, width);
}

/** What all rows say, or how many different things they say; nothing where a number of these is of no use. */
function common(noun: string, read: (record: ConnectionRecord) => string): Render {
  return ({ rows }, style, width) => {
    const found = new Set(rows.map(({ record }) => read(record)));
    const [only = ''] = found;
    const several = noun && `${formatCount(found.size)} ${noun}`;
    const text = (found.size === 1 ? only : several) || style.symbols.none;
    return { text: fitName(text, width, style) };
  };
}

/** What most of them are in, and how many that are; trouble comes first. */
function statesCell(rows: readonly Row[]): Cell {
  const failed = rows.reduce((sum, { record }) => sum + (record.errorType ? 1 : 0), 0);
  if (failed > 0) return { text: `${formatCount(failed)} FAIL`, signal: 'red' };
  const counts = new Map<string, number>();
  for (const { record, ended } of rows) {
    const text = stateText(record, ended !== 'no');
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [[state, count] = ['', 0]] = [...counts].toSorted(([, a], [, b]) => b - a);
  return { text: `${formatCount(count)} ${state}` };
}

/** One peer by its name; of several, how many; and of a server the port. */
function peersText(rows: readonly Row[], style: CellStyle, width: number): string {
  const [first] = rows;
  const dialled = new Set<string>();
  const callers = new Set<string>();
  const ports = new Set<number>();
  for (const { record } of rows) {
    const { role, peerName, peerAddress, peerPort, localPort } = record;
    if (role === 'server') {
      callers.add(peerAddress);
      ports.add(localPort);
    } else dialled.add(`${peerName ?? peerAddress}:${peerPort}`);
  }
  if (first && (rows.length === 1 || (dialled.size === 1 && callers.size === 0)))
    return peerText(first.record, style, width);
  return fitName(counted(dialled.size, callers.size, ports, style), width, style);
}

function counted(dialled: number, callers: number, ports: ReadonlySet<number>, { symbols }: CellStyle): string {
  if (callers === 0) return `${symbols.dialled} ${dialled} destinations`;
  const [port] = ports;
  const at = ports.size === 1 ? `:${port}` : `${ports.size} ports`;
  const accepted = `${symbols.accepted} ${at} ${symbols.times} ${callers}`;
  return dialled === 0 ? `${accepted} peer${callers === 1 ? '' : 's'}` : `${symbols.dialled} ${dialled}  ${accepted}`;
}

function isSlow({ smoothedRtt, minRtt }: ConnectionRecord): boolean {
  return smoothedRtt !== undefined && minRtt !== undefined && smoothedRtt > 5 * minRtt;
}

function leastRtt(rows: readonly Row[]): number | undefined {
  let least: number | undefined;
  for (const { record } of rows)
    if (record.minRtt !== undefined) least = Math.min(least ?? record.minRtt, record.minRtt);
  return least;
}

function segmentsOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { record }) => sum + record.sentPackets, 0);
}
