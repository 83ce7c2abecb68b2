import test from 'ava';
import { type ColumnName, columnNames } from '../../../src/export/text/column-names.ts';
import { displayWidth } from '../../../src/export/text/width.ts';
import { createTextFormatter } from '../../../src/export/text.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { makeProcess, makeRecord, makeVariedRecords, ownNetworkNamespace } from '../../support/otlp-records.ts';

interface Setting {
  columns?: number;
  verbose?: boolean;
  shown?: readonly ColumnName[];
  env?: Record<string, string>;
}

function format(
  records: readonly ConnectionRecord[],
  { columns, verbose = false, shown, env = {} }: Setting = {},
): string {
  const all = { LANG: 'en_US.UTF-8', NO_COLOR: '1', ...env };
  const options = { verbose, shown, ownNetworkNamespace, env: all, columns: () => columns };
  return createTextFormatter(options)(records).join('');
}

function line(changes: Partial<ConnectionRecord>, setting: Setting = { columns: 80 }): string {
  const process = makeProcess(1, { executableName: 'curl', pid: 30197, userName: 'root' });
  const text = format([makeRecord(0, { process, ...changes })], setting);
  return text.split('\n').at(-2) ?? '';
}

const moved = { sentBytes: 1400, receivedBytes: 42_000 };

test('a line has its columns where a reader looks for them', (t) => {
  t.regex(line(moved), /^\d\d:\d\d:24\.135 close curl\[30197\] {8}→ 10\.96\.0\.114:5432 {6}12ms ↑1\.4K ↓42K$/);
  t.regex(line({ role: 'server' }), / ← 10\.96/);
  t.regex(line({ role: 'unknown' }), / · 10\.96/);
});

test('160 columns have the same order and more of them', (t) => {
  const wide = line({ ...moved, localPort: 54348 }, { columns: 160 });
  t.regex(
    wide,
    /close curl\[30197\] {8}root {5}systemd\[1\] {5}- {20}:54348 → 10\.96\.0\.114:5432 +12ms ↑1\.4K ↓42K rtt 0\.3ms r0 fin>$/,
  );
});

test('between 130 and 160 the parent is left out', (t) => {
  const medium = line(moved, { columns: 140 });
  t.regex(medium, / root {5}:32768 → /);
  t.notRegex(medium, /systemd/);
});

test('the wide layout says which pod or container', (t) => {
  const container = { id: '4f6d2a9b'.repeat(8), runtime: 'docker' };
  const details = { runtime: 'docker', name: 'sleepy_haibt' };
  const pod = { uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' };
  const podDetails = { namespace: 'shop', name: 'checkout-7d4f9c-very-long' };
  const shown = (changes: object, columns?: number) =>
    /\] +(\S+) +:32768/.exec(line({ process: makeProcess(1, changes) }, { ...(columns && { columns }) }))?.[1];
  t.is(shown({ container: { ...container, details } }, 160), 'docker:sleepy_haibt');
  t.is(shown({ container }, 160), 'docker:4f6d2a9b4f6d');
  t.is(shown({ container, pod: { ...pod, details: podDetails } }), 'shop/checkout-7d4f9c-very-long');
  t.is(shown({ container, pod: { ...pod, details: podDetails } }, 160), 'shop/check…very-long');
  t.is(shown({ pod }), `pod:${pod.uid}`);
  t.is(shown({}), '-');
  t.regex(line({ process: makeProcess(1, { container: { ...container, details } }) }), /worker1\[1001\] {6}→/);
});

test('an open connection shows its handshake', (t) => {
  t.regex(line({ event: 'open' }), / open {2}curl.* 0\.23ms$/);
});

test('a failure says which, and how long it took', (t) => {
  const failed = { event: 'failed', errorType: 'timed_out', closeReason: 'timeout', retransmits: 5 } as const;
  const long = { ...failed, time: makeRecord(0).startTime + 63_000_000_000n };
  t.regex(line(long), / FAIL {2}curl.* timed_out 63s r5$/);
  t.regex(line(long, { columns: 160 }), / timed_out after 63s, 6 SYN$/);
  t.regex(line({ event: 'failed', errorType: 'connection_refused' }), / FAIL .* refused 12ms$/);
});

test('a reset says by whom', (t) => {
  t.regex(
    line({ closeReason: 'reset_remote', errorType: 'connection_reset', retransmits: 3 }),
    / RESET .* 12ms by peer r3$/,
  );
  t.regex(line({ closeReason: 'reset_local', errorType: 'connection_reset' }), / RESET .* 12ms by us$/);
  t.regex(line({ closeReason: 'reset_remote' }, { columns: 160 }), / RESET .* <rst$/);
});

test('resets are events of their own; of many at once it says how many, and what they have in common', (t) => {
  const reset = { direction: 'transmit', reason: 'no_socket', segments: 1 } as const;
  t.regex(line({ event: 'reset', reset }), / rst .* sent$/);
  t.regex(line({ event: 'reset', reset }, { columns: 160 }), / sent: no_socket$/);
  const many = { event: 'reset', peerAddress: '', peerPort: 0, reset: { ...reset, segments: 12_345 } } as const;
  t.regex(line(many), / \(many peers\) .* sent 12K$/);
  t.regex(line(many, { columns: 160 }), / sent 12K: no_socket$/);
  t.regex(line({ ...many, peerAddress: '10.0.0.9' }), / 10\.0\.0\.9:\* .* sent 12K$/);
  t.regex(line({ ...many, peerAddress: 'fd00::9', networkType: 'ipv6' }), / \[fd00::9\]:\* .* sent 12K$/);
});

test('an established connection that died is in capitals, too', (t) => {
  t.regex(line({ closeReason: 'timeout', errorType: 'timed_out' }), / CLOSE .* timed_out 12ms$/);
});

test('without an owner there is a dash; without a user name the id', (t) => {
  t.regex(line({ process: undefined }), /close - {18}→/);
  const process = makeProcess(1);
  delete process.userName;
  t.regex(line({ process }, { columns: 160 }), /worker1\[1001\] {6}33 /);
});

test('what began before the agent has no duration', (t) => {
  t.regex(line({ ...moved, preExisting: true }), /5432 {6}↑1\.4K ↓42K$/);
});

test('an IPv6 peer is in brackets, and cut only on a terminal', (t) => {
  const ipv6 = { networkType: 'ipv6', peerAddress: '2001:db8:1:2:3:4:5:6', peerPort: 65535 } as const;
  t.regex(line(ipv6), / → \[2001:d…:4:5:6\]:65535 /);
  t.regex(line(ipv6, {}), / → \[2001:db8:1:2:3:4:5:6\]:65535 /);
  t.regex(line(ipv6, { columns: 180 }), / → \[2001:db8:1:2:3:4:5:6\]:65535 /);
});

test('a long name loses its middle on a terminal, never its pid', (t) => {
  const process = makeProcess(1, { executableName: 'kube-system-coredns-5d78', pid: 4_194_304 });
  t.regex(line({ process }), /close kube…5d78\[4194304\] →/);
  t.regex(line({ process }, {}), /close kube-system-coredns-5d78\[4194304\] /);
});

test('behind the address is who that is, as far as there is room', (t) => {
  const peerProcess = makeProcess(2, { executableName: 'postgres', pid: 811 });
  t.regex(line({ peerProcess }), / → 10\.96\.0\.114:5432 {6}12ms/);
  t.regex(line({ peerProcess, peerAddress: '10.0.0.1' }), / → 10\.0\.0\.1:5432 pos…res 12ms/);
  t.regex(line({ peerProcess }, { columns: 180 }), / → 10\.96\.0\.114:5432 postgres\[811\] +12ms/);
  t.regex(line({ peerProcess }, {}), / → 10\.96\.0\.114:5432 postgres\[811\] +12ms/);
  const ipv6 = { networkType: 'ipv6', peerAddress: '2001:db8:1:2:3:4:5:6', peerPort: 65535 } as const;
  t.regex(line({ peerProcess, ...ipv6 }), / → \[2001:d…:4:5:6\]:65535 12ms/);
});

test('behind the address of another host is where that is', (t) => {
  const place = { network: 'corp', country: 'DE', asOrganization: 'Example AG' };
  t.regex(line({ place }, { columns: 180 }), / → 10\.96\.0\.114:5432 corp DE Example AG +12ms/);
  t.regex(line({ place: { country: 'DE' } }), / → 10\.96\.0\.114:5432 DE +12ms/);
  t.regex(line({ place, peerProcess: makeProcess(2) }, {}), /:5432 worker2\[1002\] +12ms/);
});

for (const columns of [20, 79, 80, 129, 130, 145, 159, 160, 170, 180, 500]) {
  test(`no line is wider than its layout at ${columns} columns`, (t) => {
    const limit = columns < 130 ? 79 : Math.min(columns, 180) - 1;
    const most = { sentBytes: 2 ** 53, receivedBytes: 2 ** 53, retransmits: 4e9, smoothedRtt: 0.2, minRtt: 0.1 };
    const records = [...makeVariedRecords(), ...makeVariedRecords().map((record) => ({ ...record, ...most }))];
    for (const env of [{}, { LANG: 'C' }]) {
      for (const text of format(records, { columns, env }).split('\n')) t.true(displayWidth(text) <= limit, text);
    }
  });
}

test('widths do not depend on the content: arrows stand in one column', (t) => {
  for (const columns of [80, 140, 160]) {
    const ports = { localPort: 7, peerPort: 9 };
    const lines = format([...makeVariedRecords(), makeRecord(1, ports)], { columns })
      .trimEnd()
      .split('\n');
    t.is(new Set(lines.map((text) => displayWidth(text.slice(0, text.search(/[→←·]/))))).size, 1);
  }
});

test('a pipe gets one header, whole fields and no colour', (t) => {
  const lines = format([makeRecord(1), makeRecord(2)], { env: { NO_COLOR: '' } }).split('\n');
  t.regex(lines[0] ?? '', /^# TIME +EVENT PROCESS\[PID\] +USER +PARENT\[PID\] +POD\/CONTAINER +LOCAL +PEER +DETAILS$/);
  t.is(lines.filter((text) => text.startsWith('#')).length, 1);
  t.false(lines.join('').includes('\x1b'));
});

test('a terminal gets no header', (t) => {
  t.notRegex(format([makeRecord(1)], { columns: 80 }), /#/);
});

test('colour is for trouble, on a terminal only, never with NO_COLOR or on a dumb one', (t) => {
  const bad = { event: 'failed', errorType: 'connection_refused' } as const;
  const red = '\x1b[31mFAIL ';
  t.true(line(bad, { columns: 80, env: { NO_COLOR: '' } }).includes(red));
  t.false(line(bad, { columns: 80, env: { NO_COLOR: '', TERM: 'dumb' } }).includes('\x1b'));
  t.false(line(bad, { columns: 80 }).includes('\x1b'));
  t.false(line(bad, { env: { NO_COLOR: '' } }).includes('\x1b'));
  t.false(line({}, { columns: 80, env: { NO_COLOR: '' } }).includes('\x1b'));
});

test('a path that got slow is yellow', (t) => {
  const slow = { smoothedRtt: 0.412, minRtt: 0.038 };
  t.true(line(slow, { columns: 160, env: { NO_COLOR: '' } }).includes('\x1b[33mrtt 412ms'));
});

test('without UTF-8 everything is ASCII', (t) => {
  const process = makeProcess(3, { executableName: 'größe日本' });
  for (const columns of [80, 160, undefined]) {
    const text = format([makeRecord(1, { process })], {
      ...(columns && { columns }),
      env: { LANG: 'C' },
      verbose: true,
    });
    t.regex(text, /^[\x20-\x7e\n]*$/);
    t.regex(text, / -> 10\.96/);
  }
});

test('-v shows every field below its line, indented', (t) => {
  const process = makeProcess(1);
  const [head, ...block] = format([makeRecord(1, { process })], { columns: 80, verbose: true })
    .trimEnd()
    .split('\n');
  t.regex(head ?? '', /close/);
  for (const text of block) t.regex(text, /^ {4}[a-z0-9._]+ = ./);
  t.true(block.includes('    process.executable.path = /usr/bin/worker1'));
  t.true(block.includes('    network.peer.port = 5432'));
});

test('whatever a name holds, a record is one clean line, and a field of its block, too', (t) => {
  const evil = '\x1b]0;owned\x07\r\n\x9b31m\u202etxt.exe\u2028\ud800\u200b\u{e0041}\x7f';
  const process = makeProcess(1, { executableName: evil, executablePath: `/tmp/${evil}`, userName: evil });
  for (const columns of [80, 160, undefined]) {
    for (const verbose of [false, true]) {
      const setting = { ...(columns && { columns }), verbose };
      const text = format([makeRecord(1, { process })], setting);
      t.notRegex(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      const lines = text.split('\n').filter((each) => each !== '' && !each.startsWith('#') && !each.startsWith('    '));
      t.is(lines.length, 1);
    }
  }
});

test('the columns that were asked for, in that order, under their names', (t) => {
  const process = makeProcess(1, { executableName: 'curl', pid: 30197 });
  const shown = ['peer', 'process', 'sent', 'time'] as const;
  const [header, row] = format([makeRecord(0, { process, ...moved })], { shown }).split('\n');
  t.regex(header ?? '', /^# PEER {22}PROCESS\[PID\] {13}SENT {4}TIME$/);
  t.regex(row ?? '', /^10\.96\.0\.114:5432 {12}curl\[30197\] {14}1\.4K {4}\d\d:\d\d:24\.135$/);
});

test('every column can be asked for, of every record, and stands below its name', (t) => {
  const records = makeVariedRecords();
  for (const name of columnNames) {
    const lines = format(records, { shown: [name] }).split('\n');
    t.is(lines.length, records.length + 2, name);
    t.true(lines[0]?.startsWith('#'), name);
  }
  const all = format(records, { shown: columnNames, columns: 120 }).split('\n');
  t.true(all.every((one) => displayWidth(one) < 120));
});

test('a name that is too long for its column is cut on a terminal and whole in a pipe', (t) => {
  const process = makeProcess(1, { executableName: `begin${'x'.repeat(60)}end`, pid: 30197 });
  const shown = ['process', 'id'] as const;
  t.regex(format([makeRecord(0, { process })], { shown, columns: 80 }), /^begin\S*…\S*end\[30197\] [0-9a-f]{16}\n$/);
  t.regex(format([makeRecord(0, { process })], { shown }), /\nbeginx{60}end\[30197\] [0-9a-f]{16}\n$/);
});
