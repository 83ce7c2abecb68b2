/** Rows that belong together, and the order in which they stand. */

import { serverPort } from '../export/semconv.ts';
import { containerOf, peerOf, userOf } from '../export/text/line.ts';
import type { ConnectionRecord } from '../model.ts';
import type { Grouping, Sorting } from './choices.ts';
import type { Row } from './table.ts';

export interface Order {
  readonly by: Sorting;
  /** Largest, oldest, or A first; turned round. */
  readonly isReversed: boolean;
}

/** What rows are sorted by, and groups by the sum of it; round-trip time and age by the largest of them. */
export interface Sums {
  readonly name: string;
  readonly connections: number;
  /** Bytes a second. */
  readonly sent: number;
  readonly received: number;
  /** Payload in both directions since the connections began. */
  readonly bytes: number;
  readonly retransmits: number;
  /** Seconds. */
  readonly rtt: number | undefined;
  /** UNIX nanoseconds. */
  readonly begin: bigint;
}

export interface Group extends Sums {
  /** The same as long as it is the same group. */
  readonly key: string;
  readonly rows: readonly Row[];
}

const separator = '\0';

/** What the first column of a group says, and behind a NUL what else tells it from others. */
const keyOf: Readonly<Record<Exclude<Grouping, 'none'>, (record: ConnectionRecord) => string>> = {
  process: ({ process }) => `${process?.executableName ?? '-'}${separator}${containerOf(process)}`,
  pod: ({ process }) => containerOf(process),
  peer: (record) => record.peerName ?? (record.peerAddress || peerOf(record).name),
  port: (record) => `${record.transport}:${serverPort(record) || '?'}`,
  user: ({ process }) => userOf(process),
};

export function groupRows(rows: readonly Row[], grouping: Exclude<Grouping, 'none'>): Group[] {
  const byKey = Map.groupBy(rows, ({ record }) => keyOf[grouping](record));
  return [...byKey].map(([key, members]) => ({ key, rows: members, ...sumOf(key.split(separator)[0] ?? '', members) }));
}

function sumOf(name: string, rows: readonly Row[]): Sums {
  const sums = { connections: rows.length, sent: 0, received: 0, bytes: 0, retransmits: 0 };
  let rtt: number | undefined;
  let begin = rows[0]?.record.startTime ?? 0n;
  for (const { record, sent, received, ended } of rows) {
    sums.sent += sent;
    sums.received += received;
    sums.bytes += record.sentBytes + record.receivedBytes;
    sums.retransmits += record.retransmits;
    if (ended === 'no' && record.smoothedRtt !== undefined) rtt = Math.max(rtt ?? 0, record.smoothedRtt);
    if (record.startTime < begin) begin = record.startTime;
  }
  return { name, ...sums, rtt, begin };
}

const processName = ({ record }: Row): string => record.process?.executableName ?? '-';

/** Larger comes first; names and begins are no numbers. */
const numbers: Readonly<
  Record<Exclude<Sorting, 'name' | 'age'>, [ofGroup: (sums: Sums) => number, ofRow: (row: Row) => number]>
> = {
  rate: [({ sent, received }) => sent + received, ({ sent, received }) => sent + received],
  received: [({ received }) => received, ({ received }) => received],
  sent: [({ sent }) => sent, ({ sent }) => sent],
  bytes: [({ bytes }) => bytes, ({ record }) => record.sentBytes + record.receivedBytes],
  rtt: [({ rtt }) => rtt ?? -1, ({ record }) => record.smoothedRtt ?? -1],
  retransmits: [({ retransmits }) => retransmits, ({ record }) => record.retransmits],
  connections: [({ connections }) => connections, () => 1],
};

/** Those that are equal stand by their number of connections and their names, so that nothing jumps about. */
export function sortGroups(groups: readonly Group[], order: Order): Group[] {
  const compare = comparison<Group>(order, { name: ({ name }) => name, begin: ({ begin }) => begin, number: 0 });
  return groups.toSorted((a, b) => compare(a, b) || b.connections - a.connections || compareTexts(a.key, b.key));
}

export function sortRows(rows: readonly Row[], order: Order): Row[] {
  const compare = comparison<Row>(order, { name: processName, begin: ({ record }) => record.startTime, number: 1 });
  return rows.toSorted((a, b) => compare(a, b) || compareNumbers(a.record.cookie, b.record.cookie));
}

interface Reads<Item> {
  readonly name: (item: Item) => string;
  readonly begin: (item: Item) => bigint;
  /** Which of the two functions in `numbers`. */
  readonly number: 0 | 1;
}

function comparison<Item extends Group | Row>(
  { by, isReversed }: Order,
  { name, begin, number }: Reads<Item>,
): (a: Item, b: Item) => number {
  const sign = isReversed ? -1 : 1;
  if (by === 'name') return (a, b) => sign * compareTexts(name(a), name(b));
  if (by === 'age') return (a, b) => sign * compareNumbers(begin(a), begin(b));
  const read = numbers[by][number] as (item: Item) => number;
  return (a, b) => sign * (read(b) - read(a));
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function compareNumbers(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
