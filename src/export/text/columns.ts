/** Lines of the columns that were asked for (`--columns`), in that order. */
import type { ConnectionRecord, LookupRecord } from '../../model.ts';
import { durationOf } from '../semconv.ts';
import { secondsBetween } from '../time.ts';
import type { ColumnName } from './column-names.ts';
import type { Colors, Layout } from './layout.ts';
import {
  arrowOf,
  containerOf,
  formatTime,
  isTrouble,
  nameAndPid,
  type Parts,
  parentOf,
  peerCell,
  peerOf,
  shorten,
  split,
  userOf,
  verbOf,
} from './line.ts';
import { endings, formatTail } from './tail.ts';
import { formatCount, formatDuration, formatFine } from './units.ts';
import { cutEnd, pad } from './width.ts';

interface Style {
  readonly layout: Layout;
  readonly colors: Colors;
  /** Of the terminal; undefined: not one. */
  readonly columns: number | undefined;
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly cell: (record: ConnectionRecord, style: Style) => string;
  /** Of a look-up; empty where it has no such thing. */
  readonly ofLookup?: (lookup: LookupRecord, style: Style) => string;
}

const OWNER = 24;
const PEER = 27;

function parts(of: (record: ConnectionRecord | LookupRecord) => Parts, width: number) {
  const cell = (record: ConnectionRecord | LookupRecord, { layout }: Style) => shorten(of(record), width, layout);
  return { width, cell, ofLookup: cell };
}

/** A time in seconds. */
function time(of: (record: ConnectionRecord) => number | undefined, format: typeof formatDuration) {
  return {
    width: 9,
    cell: (record: ConnectionRecord, { layout }: Style) => {
      const seconds = of(record);
      return seconds === undefined ? layout.symbols.none : format(seconds, layout.symbols.microseconds);
    },
  };
}

/** A word of our own, which needs no cutting. */
function word(width: number, of: (record: ConnectionRecord) => string | undefined) {
  return { width, cell: (record: ConnectionRecord, { layout }: Style) => of(record) ?? layout.symbols.none };
}

const all: Readonly<Record<ColumnName, Column>> = {
  time: { title: 'TIME', width: 12, cell: ({ time }) => formatTime(time), ofLookup: ({ time }) => formatTime(time) },
  event: {
    title: 'EVENT',
    width: 5,
    cell: (record, { colors }) => {
      const verb = verbOf(record);
      return isTrouble(verb) ? colors.red(verb) : verb;
    },
    ofLookup: (_, { colors }) => colors.red('DNS'),
  },
  process: { title: 'PROCESS[PID]', ...parts(({ process: p }) => nameAndPid(p?.executableName, p?.pid), OWNER) },
  user: { title: 'USER', ...parts(({ process }) => split(userOf(process)), 8) },
  parent: { title: 'PARENT[PID]', ...parts(({ process }) => parentOf(process), OWNER) },
  container: { title: 'POD/CONTAINER', ...parts(({ process }) => split(containerOf(process)), OWNER) },
  local: { title: 'LOCAL', ...word(6, ({ localPort }) => (localPort ? `:${localPort}` : undefined)) },
  direction: { title: '', width: 2, cell: (record, { layout }) => arrowOf(record, layout) },
  peer: {
    title: 'PEER',
    width: PEER,
    cell: (record, { layout }) =>
      layout.cut
        ? shorten(peerOf(record, layout.symbols.none), PEER, layout)
        : peerCell(record, { ...layout, peer: PEER }).trimEnd(),
    ofLookup: ({ questionName, questionType }, { layout }) =>
      shorten({ name: questionName || '.', fixed: ` ${questionType}` }, PEER, layout),
  },
  details: {
    title: 'DETAILS',
    width: 39,
    cell: (record, { layout, colors }) =>
      formatTail(record, durationOf(record), { ...layout, isWide: true, tail: 39 }, colors),
    ofLookup: ({ errorType }) => errorType ?? '',
  },
  transport: { title: 'PROTO', ...word(5, ({ transport }) => transport) },
  duration: {
    title: 'DURATION',
    ...time(durationOf, formatDuration),
    ofLookup: ({ startTime, time }, { layout }) =>
      formatDuration(secondsBetween(startTime, time), layout.symbols.microseconds),
  },
  sent: { title: 'SENT', ...word(7, ({ sentBytes }) => formatCount(sentBytes)) },
  received: { title: 'RECEIVED', ...word(8, ({ receivedBytes }) => formatCount(receivedBytes)) },
  handshake: { title: 'HANDSHAKE', ...time(({ handshakeDuration }) => handshakeDuration, formatFine) },
  rtt: { title: 'RTT', ...time(({ smoothedRtt }) => smoothedRtt, formatDuration) },
  'min-rtt': { title: 'MIN RTT', ...time(({ minRtt }) => minRtt, formatDuration) },
  retransmits: { title: 'RETR', ...word(5, (r) => (r.transport === 'tcp' ? formatCount(r.retransmits) : undefined)) },
  end: { title: 'END', ...word(8, ({ closeReason }) => closeReason && endings[closeReason]) },
  error: {
    title: 'ERROR',
    ...word(21, ({ errorType }) => errorType),
    ofLookup: ({ errorType }, { layout }) => errorType ?? layout.symbols.none,
  },
  interface: {
    title: 'INTERFACE',
    width: 15,
    cell: ({ interfaceName }, { layout }) => shorten(split(interfaceName ?? layout.symbols.none), 15, layout),
  },
  attribution: { title: 'KNOWN BY', ...word(8, ({ attribution }) => attribution) },
  id: { title: 'ID', ...word(16, ({ id }) => id) },
};

export function formatColumns(
  record: ConnectionRecord | LookupRecord,
  names: readonly ColumnName[],
  style: Style,
): string {
  const cells = names.map((name) => {
    const { width, cell, ofLookup } = all[name];
    const text = record.event === 'dns' ? (ofLookup?.(record, style) ?? '') : cell(record, style);
    return padColoured(text, width);
  });
  return fitTo(cells.join(' ').trimEnd(), style);
}

/** The names of the columns, as a comment line. */
export function formatColumnHeader(names: readonly ColumnName[], style: Style): string {
  const titles = names.map((name, index) =>
    pad(index === 0 ? `# ${all[name].title}` : all[name].title, all[name].width),
  );
  return fitTo(titles.join(' ').trimEnd(), style);
}

/** The last column of a terminal is left alone: some break the line when it is written to. */
function fitTo(line: string, { columns }: Style): string {
  return columns === undefined ? line : cutEnd(line, columns - 1);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
const colour = /\x1b\[[0-9;]*m/g;

function padColoured(text: string, width: number): string {
  const bare = text.replace(colour, '');
  return text + pad(bare, width).slice(bare.length);
}
