/** The lines below the table: what fails, who is slow, who sends again, and the keys. */
import type { Colors } from '../export/text/layout.ts';
import { formatDuration } from '../export/text/units.ts';
import { displayWidth } from '../export/text/width.ts';
import type { ConnectionRecord } from '../model.ts';
import { type CellStyle, fitName, peerText } from './cells.ts';
import type { Failing } from './failures.ts';
import type { Snapshot } from './state.ts';
import type { TopSymbols } from './symbols.ts';
import type { Row } from './table.ts';

/** Most entries of a line, whatever room there is. */
const MOST = 5;

/** Three lines: FAILING, SLOWEST and RETRANS, each with as many entries as fit whole. `width`: undefined for a pipe. */
export function formatTrouble(
  { failing, rows }: Snapshot,
  style: CellStyle,
  colors: Colors,
  width: number | undefined,
): string[] {
  const live = rows.filter(({ ended }) => ended === 'no');
  const failures = failing.slice(0, MOST).map((one) => failureText(one, style));
  const slow = largest(live, ({ smoothedRtt }) => smoothedRtt).map((record) => slowText(record, style));
  const lossy = largest(live, retransmitted).map((record) => lossyText(record, style));
  return [
    line('FAILING', failures, width, style, failures.length > 0 ? colors.red : same),
    line('SLOWEST', slow, width, style, same),
    line('RETRANS', lossy, width, style, same),
  ];
}

const same = (text: string): string => text;

function line(
  name: string,
  entries: readonly string[],
  width = Number.POSITIVE_INFINITY,
  { symbols }: CellStyle,
  paint: (text: string) => string,
): string {
  let room = width - name.length;
  const shown = entries.filter((entry) => {
    const needed = displayWidth(entry) + 2;
    room -= needed;
    return room >= 0;
  });
  return `${paint(name)}  ${shown.length > 0 ? shown.join('  ') : symbols.none}`;
}

function failureText({ record, why, count }: Failing, style: CellStyle): string {
  const often = count >= 60 ? `${Math.round(count / 60)}/s` : `${count}/min`;
  return `${whoText(record, style)} ${why} ${often}`;
}

function slowText(record: ConnectionRecord, style: CellStyle): string {
  const { smoothedRtt = 0, minRtt } = record;
  const least = minRtt === undefined ? '' : ` (min ${formatDuration(minRtt, style.symbols.microseconds)})`;
  return `${whoText(record, style)} ${formatDuration(smoothedRtt, style.symbols.microseconds)}${least}`;
}

function lossyText(record: ConnectionRecord, style: CellStyle): string {
  return `${whoText(record, style)} ${((retransmitted(record) ?? 0) * 100).toFixed(1)}%`;
}

/** Of what was sent, 0 to 1; undefined: nothing was. */
function retransmitted({ retransmits, sentPackets }: ConnectionRecord): number | undefined {
  return retransmits > 0 ? Math.min(1, retransmits / Math.max(1, sentPackets)) : undefined;
}

const OWNER = 16;
const PEER = 30;

/** Of who called here, the port says nothing. */
function whoText(record: ConnectionRecord, style: CellStyle): string {
  const owner = fitName(record.process?.executableName ?? '-', OWNER, style);
  const { place: _, peerProcess: __, ...bare } = record;
  if (record.role !== 'server') return `${owner} ${peerText(bare, style, PEER).trimEnd()}`;
  const caller = fitName(record.peerName ?? record.peerAddress, PEER, style);
  return `${owner} ${style.symbols.accepted} ${caller}`;
}

/** The largest, one of each process and peer. */
function largest(rows: readonly Row[], read: (record: ConnectionRecord) => number | undefined): ConnectionRecord[] {
  const best = new Map<string, { readonly record: ConnectionRecord; readonly value: number }>();
  for (const { record } of rows) {
    const value = read(record);
    if (value === undefined) continue;
    const key = `${record.process?.executableName} ${record.peerName ?? record.peerAddress}`;
    if (value > (best.get(key)?.value ?? -1)) best.set(key, { record, value });
  }
  return [...best.values()]
    .toSorted((a, b) => b.value - a.value)
    .slice(0, MOST)
    .map(({ record }) => record);
}

/** The most important ones first; those that do not fit are left out. */
export function formatKeys({ upDown, enter }: TopSymbols, width: number): string {
  const keys = [
    'q quit',
    '? help',
    `${upDown} move`,
    `${enter} open`,
    '/ filter',
    'g group',
    's,S sort',
    'p pause',
    't closed',
    'f failed',
    'c columns',
    'n names',
  ];
  let room = width;
  const shown = keys.filter((key) => {
    room -= key.length + 2;
    return room >= -2;
  });
  return shown.join('  ');
}
