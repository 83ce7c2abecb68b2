import test from 'ava';
import { createLayout, isUtf8Locale } from '../../../src/export/text/layout.ts';
import { sanitise } from '../../../src/export/text/sanitise.ts';
import { formatCount, formatDuration, formatFine } from '../../../src/export/text/units.ts';
import { cutMiddle, cutStart, displayWidth } from '../../../src/export/text/width.ts';

test('counts have four columns at most, k = 1000', (t) => {
  const expected = {
    0: '0',
    61: '61',
    999: '999',
    1000: '1.0K',
    1400: '1.4K',
    9949: '9.9K',
    9951: '10K',
    42000: '42K',
  };
  for (const [count, text] of Object.entries(expected)) t.is(formatCount(Number(count)), text);
  t.is(formatCount(999_499), '999K');
  t.is(formatCount(999_500), '1.0M');
  t.is(formatCount(2 ** 53), '9.0P');
  for (let count = 1; count < 2 ** 53; count = count * 1.07 + 1) {
    const text = formatCount(Math.floor(count));
    t.true(text.length <= 4, text);
  }
});

test('durations have five columns at most', (t) => {
  const expected: [number, string][] = [
    [0, '0µs'],
    [0.000045, '45µs'],
    [0.00022, '0.2ms'],
    [0.0084, '8.4ms'],
    [0.228, '228ms'],
    [0.9996, '1.0s'],
    [1.54, '1.5s'],
    [63, '63s'],
    [119.4, '119s'],
    [119.6, '2m'],
    [312, '5m12s'],
    [599.6, '10m'],
    [3599, '1h'],
    [7500, '2h5m'],
    [86_400 * 1.5, '36h'],
    [86_400 * 3 + 4 * 3600, '3d4h'],
    [86_400 * 400, '400d'],
  ];
  for (const [seconds, text] of expected) t.is(formatDuration(seconds), text);
  for (let seconds = 1e-9; seconds < 1e8; seconds *= 1.01) {
    const text = formatDuration(seconds);
    t.true(text.length <= 5, `${seconds}: ${text}`);
  }
});

test('a handshake has two digits below a millisecond', (t) => {
  t.is(formatFine(0.00022), '0.22ms');
  t.is(formatFine(0.0123), '12ms');
  t.is(formatFine(0.00004, 'us'), '40us');
});

test('what a terminal would obey becomes visible', (t) => {
  t.is(sanitise('nginx: worker'), 'nginx: worker');
  t.is(sanitise('größe 日本語 🚀 \ufffd'), 'größe 日本語 🚀 \ufffd');
  t.is(sanitise('\x1b[31m\x07\r\n\t\x7f'), '\\x1b[31m\\x07\\x0d\\x0a\\x09\\x7f');
  t.is(sanitise('\x9b31m\x85'), '\\x9b31m\\x85');
  t.is(sanitise('a\u202eb\u2066\u200f\u061c'), 'a\\u202eb\\u2066\\u200f\\u061c');
  t.is(sanitise('\u2028\u2029\u200b\ufeff\ufe0f'), '\\u2028\\u2029\\u200b\\ufeff\\ufe0f');
  t.is(sanitise('\ud800x\udfff'), '\\ud800x\\udfff');
  t.is(sanitise('\u{e0041}'), '\\u{e0041}');
});

test('without UTF-8 all but ASCII is escaped, since its bytes could be controls', (t) => {
  t.is(sanitise('ě日🚀', true), '\\u011b\\u65e5\\u{1f680}');
});

test('names are measured as a terminal shows them', (t) => {
  t.is(displayWidth('curl'), 4);
  t.is(displayWidth('größe'), 5);
  t.is(displayWidth('gro\u0308ße'), 5);
  t.is(displayWidth('日本語'), 6);
  t.is(displayWidth('🚀'), 2);
});

test('the middle is cut out', (t) => {
  t.is(cutMiddle('kube-system-coredns-5d', 17, '…'), 'kube-sys…redns-5d');
  t.is(cutMiddle('short', 5, '…'), 'short');
  t.is(cutMiddle('日本語日本語', 7, '…'), '日…語');
  t.is(cutMiddle('abcdef', 1, '…'), '…');
});

test('the start is cut off', (t) => {
  t.is(cutStart('abcdef', 6), 'abcdef');
  t.is(cutStart('abcdef', 2), 'ef');
  t.is(cutStart('日本語', 5), '本語');
  t.is(cutStart('日本語', 3), '語');
  t.is(cutStart('ao\u0308u', 2), 'o\u0308u');
  for (const room of [0, -1]) t.is(cutStart('abc', room), '');
});

test('the locale is the first that is set', (t) => {
  t.true(isUtf8Locale({ LANG: 'de_DE.UTF-8' }));
  t.true(isUtf8Locale({ LC_ALL: '', LANG: 'C.utf8' }));
  t.false(isUtf8Locale({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }));
  t.false(isUtf8Locale({ LC_CTYPE: 'de_DE@euro', LANG: 'de_DE.UTF-8' }));
  t.false(isUtf8Locale({}));
});

test('a layout is a function of the width alone', (t) => {
  for (let columns = 1; columns < 300; columns++) t.deepEqual(createLayout(columns, true), createLayout(columns, true));
  t.deepEqual(createLayout(80, true), createLayout(129, true));
  t.deepEqual(createLayout(180, true), createLayout(999, true));
  t.is(createLayout(180, true).peer - createLayout(160, true).peer, 20);
});
