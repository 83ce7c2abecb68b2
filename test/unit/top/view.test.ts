import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { displayWidth } from '../../../src/export/text/width.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { type ColumnName, chooseColumns, columnNames } from '../../../src/top/columns.ts';
import { itemsOf } from '../../../src/top/items.ts';
import { firstState, type State } from '../../../src/top/state.ts';
import type { Row } from '../../../src/top/table.ts';
import { formatOnce, formatScreen } from '../../../src/top/view.ts';
import { makeProcess } from '../../support/otlp-records.ts';
import { makeHost, makeRow, makeSnapshot, makeState, makeStyle } from '../../support/top-snapshot.ts';

process.env.TZ = 'UTC';

const rows = makeHost();
const checkout = 'checkout\0shop/checkout-7d4f9c-x2';
const opened = makeState({ opened: new Set([checkout]), selected: { id: '43', index: 3 } });

interface Setting {
  columns?: number;
  height?: number;
  state?: State;
  shown?: readonly Row[];
  changes?: Parameters<typeof makeSnapshot>[1];
  style?: Parameters<typeof makeStyle>[0];
  message?: string;
}

function screen({ columns = 80, height = 24, state = opened, shown = rows, changes, style, message }: Setting = {}) {
  const size = { columns, rows: height };
  return formatScreen(makeSnapshot(shown, changes), itemsOf(shown, state), state, size, makeStyle(style), message);
}

test('80 × 24', (t) => {
  t.is(
    screen().join('\n'),
    `\
sockflow top · 21:14:03  1842 open  +312/s −309/s  fail 4/s  retr 0.2%  lost 0 ✓
                                       group process · sort TX+RX↓ · 1s · ? help
  PROCESS            → DIALLED  ← ACCEPTED   STATE        RTT RETR  ↓RX/s  ↑TX/s
▸ nginx           40 ← :443 × 40 peers       40 est      21ms   11   1.1M   8.8M
▾ checkout         3 → 3 destinations        1 FAIL     8.4ms    3   1.9M   409K
  ├ 2143             → payments.shop.svc:443 est        0.9ms    0   1.2M   201K
▌ ├ 2143             → pg-0.db:5432          est        8.4ms    3   690K   208K
  └ 2143             → 203.0.113.9:443       TIMED_OUT      –    0      –      –
▸ redis-server     1 ← 10.0.0.5:51234        1 est      0.1ms    0    31K   1.2M
▸ coredns          1 ← [2001:d…:4:5:6]:51234 1 udp          –    –    48K    91K
▸ curl             1 → example.com:443       1 closed       –    0      –      –









FAILING  checkout → 203.0.113.9:443 timed_out 38/min
SLOWEST  nginx ← 198.51.100.0 21ms (min 19ms)
RETRANS  nginx ← 198.51.100.7 91.7%  checkout → pg-0.db:5432 25.0%
q quit  ? help  ↑↓ move  ⏎ open  / filter  g group  s,S sort  p pause  t closed`,
  );
});

test("the README's sample is what it looks like", (t) => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
  t.true(readme.includes(`\n${screen().slice(0, 9).join('\n')}\n`));
});

test('columns come and go whole, in a fixed order', (t) => {
  const names = (columns: number) => chooseColumns(columns).map(({ name }) => name);
  const least = ['title', 'peer', 'received', 'sent'];
  t.deepEqual(names(40), least);
  t.deepEqual(names(60), least);
  t.deepEqual(names(70), ['title', 'peer', 'state', 'received', 'sent']);
  t.deepEqual(names(75), ['title', 'peer', 'state', 'rtt', 'received', 'sent']);
  const usual = ['title', 'peer', 'state', 'rtt', 'retransmits', 'received', 'sent'];
  t.deepEqual(names(80), usual);
  t.deepEqual(names(100), ['title', 'pod', ...usual.slice(1)]);
  const more = [
    'title',
    'user',
    'pod',
    'local',
    'peer',
    'state',
    'age',
    'rtt',
    'retransmits',
    'bytes',
    'received',
    'sent',
  ];
  t.deepEqual(names(130), more);
  t.deepEqual(
    new Set(names(160)),
    new Set([
      'title',
      'user',
      'parent',
      ...more.slice(2, 5),
      'interface',
      ...more.slice(5, 8),
      'minRtt',
      ...more.slice(8),
    ]),
  );
  t.deepEqual(names(200), names(160));
});

for (const columns of [60, 61, 68, 75, 80, 99, 100, 129, 130, 142, 160, 200])
  test(`${columns} columns: every line fits, those of the table end at the edge`, (t) => {
    for (const isUtf8 of [true, false]) {
      const lines = screen({ columns, style: { isUtf8 } });
      for (const line of lines) t.true(displayWidth(line) <= columns, line);
      for (const line of lines.slice(0, 11)) t.is(displayWidth(line), columns, line);
      t.is(lines.length, 24);
    }
  });

test('a small terminal has the table, and lines that are cut', (t) => {
  t.is(screen({ columns: 20, height: 3 }).length, 3);
  const lines = screen({ columns: 40, height: 10, style: { colors: true } });
  t.is(lines.length, 10);
  for (const line of lines) t.true(displayWidth(stripVTControlCharacters(line)) <= 40, line);
  t.is(lines[3], '▸ nginx           40 ← :443 × 40 peers  ');
});

test('without UTF-8 there is nothing but ASCII', (t) => {
  const lines = screen({ columns: 200, style: { isUtf8: false } });
  for (const line of lines) t.notRegex(line, /[^\x20-\x7e]/);
  t.regex(lines[0] ?? '', /lost 0 ok$/);
  t.regex(lines[4] ?? '', /^- checkout/);
});

test('what others named can neither move the cursor nor end a line', (t) => {
  const process = makeProcess(1, { executableName: '\u001b[2Jevil\n', userName: 'a\u202eb' });
  const shown = [makeRow({ process, changes: { peerName: 'x\u009b\ry' } })];
  for (const grouping of ['process', 'pod', 'peer', 'user', 'none'] as const) {
    const state = makeState({ grouping, filterText: 'proc=\u001b[H' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there.
    for (const line of screen({ columns: 200, shown, state })) t.notRegex(line, /[\x00-\x1f\x7f-\x9f\u202e]/);
  }
});

test('colours: red failed, yellow is worth a look, dim has ended, bold is the cursor', (t) => {
  const lines = screen({ style: { colors: true } });
  t.true(lines[4]?.includes('\u001b[31m1 FAIL   \u001b[39m'));
  t.true(lines[4]?.includes('\u001b[33m 8.4ms\u001b[39m'));
  t.true(lines[6]?.startsWith('\u001b[1m▌'));
  t.true(lines[7]?.startsWith('\u001b[2m'));
  t.is(lines.map(stripVTControlCharacters).join('\n'), screen().join('\n'));
});

test('what was lost is said with its reason, and that the sums do not agree', (t) => {
  const { totals } = makeSnapshot();
  const first = (changes: object) => screen({ changes: { totals: { ...totals, ...changes } }, columns: 100 })[0];
  t.regex(first({ lost: 312, lostMostly: 'ring_full' }) ?? '', / lost 312 ring_full ✓$/);
  t.regex(first({ isBalanced: false }) ?? '', / lost 0 ✗$/);
});

test('the filter, what is wrong with it, and what the agent says, each in its line', (t) => {
  const at = (line: number, changes: Partial<State>, message?: string) =>
    screen({ state: makeState(changes), ...(message && { message }) }).at(line);
  t.regex(at(1, { filterText: 'ns=shop !port=22' }) ?? '', /^\/ ns=shop !port=22 {2,}group process/);
  t.regex(at(1, { input: { text: 'proc=' } }) ?? '', /^\/ proc=_ /);
  t.regex(at(1, { input: { text: `proc=${'x'.repeat(300)}end` } }) ?? '', /^\/ x+end_ {2}group/);
  t.is(at(-1, { input: { text: 'x', error: 'x is none of its words' } }), 'x is none of its words');
  t.is(at(-1, {}, 'LOST 3 records'), 'LOST 3 records');
  t.regex(
    at(1, { isPaused: true, showsEnded: true, onlyFailed: true }) ?? '',
    /PAUSED · failed only · closed too · group/,
  );
});

test('the help fits into 80 × 24', (t) => {
  const lines = screen({ state: makeState({ isHelp: true }) });
  t.regex(lines.join('\n'), / {2}q \^C +quit/);
  for (const line of lines) t.true(displayWidth(line) <= 80, line);
});

test('chosen columns are seen as far as there is room for them, and fill the width', (t) => {
  const names = (columns: number, ...wanted: ColumnName[]) =>
    chooseColumns(columns, new Set(wanted)).map(({ name }) => name);
  t.deepEqual(names(80, 'user', 'title'), ['title', 'user']);
  t.deepEqual(names(200, 'sent', 'title', 'interface'), ['title', 'interface', 'sent']);
  const usual: ColumnName[] = ['title', 'peer', 'state', 'rtt', 'retransmits', 'received', 'sent'];
  t.deepEqual(names(80, ...usual, 'user'), ['title', 'user', ...usual.slice(1)], 'names make room');
  t.deepEqual(names(80, ...usual, 'user', 'age', 'parent'), [
    'title',
    'user',
    'peer',
    'state',
    'age',
    ...usual.slice(3),
  ]);
  t.deepEqual(
    names(60, ...usual),
    usual.filter((name) => name !== 'retransmits'),
  );
  for (const columns of [60, 80, 133, 160, 300])
    for (const wanted of [
      ['title'],
      ['title', 'user', 'age'],
      ['title', 'pod', 'peer'],
      [...columnNames],
    ] as ColumnName[][]) {
      const chosen = chooseColumns(columns, new Set(wanted));
      t.is(
        chosen.reduce((sum, { width }) => sum + width + 1, 1),
        columns,
        `${columns} ${wanted}`,
      );
    }
});

test('the list of columns fits into 80 × 24, follows the cursor where it does not, and says what has no room', (t) => {
  const columns = new Set<ColumnName>(['title', 'peer', 'user', 'parent', 'pod', 'interface', 'minRtt', 'bytes']);
  const whole = screen({ state: makeState({ columns, picking: 1 }) });
  t.regex(whole.join('\n'), /^ {2}columns: chosen\n {2}\[x\] PROCESS +always\n▌ \[x\] USER\n/m);
  t.regex(whole.join('\n'), /\[x\] IFACE +no room\n/);
  t.regex(whole.join('\n'), /\n {2}\[ \] ↑TX\/s\n/);
  t.regex(whole.at(-1) ?? '', /^space shows or hides {2}↑↓ move {2}a as many as fit {2}c back$/);
  const small = screen({ height: 9, state: makeState({ picking: columnNames.length - 1 }) });
  t.regex(small.join('\n'), /▌ \[x\] ↑TX\/s/);
  for (const line of [...whole, ...small]) t.true(displayWidth(line) <= 80, line);
});

test('once, on a terminal: as wide as that', (t) => {
  const state = makeState();
  for (const columns of [60, 80, 160]) {
    const lines = formatOnce(makeSnapshot(), itemsOf(rows, state), state, columns, makeStyle());
    for (const line of lines) t.true(displayWidth(line) <= columns, line);
    t.is(displayWidth(lines[0] ?? ''), columns);
    t.regex(lines[2] ?? '', /^ {2}nginx/);
  }
});

test('in a pipe a name as long as its column does not run into the number behind it', (t) => {
  const process = makeProcess(1, { executableName: 'n'.repeat(200) });
  const shown = [makeRow({ process }), makeRow({ process })];
  const state = makeState();
  const lines = formatOnce(makeSnapshot(shown), itemsOf(shown, state), state, undefined, makeStyle());
  t.true(lines.some((line) => /^ *n{200} 2 /.test(line)));
});

test('once, in a pipe: whole names, and what is no line of the table is a comment', (t) => {
  const process = makeProcess(1, { executableName: 'a-program-with-a-rather-long-name', pid: 7 });
  const long: Partial<ConnectionRecord> = { peerName: 'a-host-with-a-name.that-goes-on-and-on.example.com' };
  const shown = [...rows, makeRow({ process, changes: long })];
  const order = { by: 'rate', isReversed: false } as const;
  const state = firstState({ grouping: 'none', order, filterText: '', filter: undefined });
  const lines = formatOnce(makeSnapshot(shown), itemsOf(shown, state), state, undefined, makeStyle());
  t.regex(lines[0] ?? '', /^# sockflow top · node-7 · 21:14:03 .* lost 0 ✓$/);
  t.regex(lines[1] ?? '', /^# PROCESS\[PID\] +USER/);
  t.is(lines.filter((line) => !line.startsWith('#')).length, shown.length - 1);
  t.true(lines.some((line) => line.includes('a-program-with-a-rather-long-name[7]')));
  t.true(lines.some((line) => line.includes('a-host-with-a-name.that-goes-on-and-on.example.com:5432')));
  t.deepEqual(
    lines.slice(-3).map((line) => line.slice(0, 9)),
    ['# FAILING', '# SLOWEST', '# RETRANS'],
  );
});
