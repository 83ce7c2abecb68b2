import test from 'ava';
import { formatSize, parseDuration, parseInteger, parsePair, parseSize } from '../../../src/cli/units.ts';

test('durations have a unit', (t) => {
  t.is(parseDuration('500ms'), 500);
  t.is(parseDuration('10s'), 10_000);
  t.is(parseDuration('1.5m'), 90_000);
  t.is(parseDuration('1h'), 3_600_000);
});

for (const text of ['', '10', '10 s', 's', '-5s', '0s', '1e3s', '10S', '10sec', '٣s', '1h30m', '999h', '0.1ms']) {
  test(`"${text}" is no duration`, (t) => {
    t.is(parseDuration(text), undefined);
  });
}

test('sizes are bytes or have a binary unit', (t) => {
  t.is(parseSize('4096'), 4096);
  t.is(parseSize('512KiB'), 524_288);
  t.is(parseSize('64MiB'), 67_108_864);
  t.is(parseSize('1.5GiB'), 1_610_612_736);
});

for (const text of ['', '0', '-1', '64MB', '64M', '64 MiB', '1.5', 'MiB', '0.3KiB', '99999999999GiB']) {
  test(`"${text}" is no size`, (t) => {
    t.is(parseSize(text), undefined);
  });
}

test('a size is printed as it would be typed', (t) => {
  for (const text of ['1023', '512KiB', '64MiB', '2GiB']) t.is(formatSize(parseSize(text) ?? 0), text);
});

test('integers keep to their limits', (t) => {
  t.is(parseInteger('1024', 1024, 2048), 1024);
  t.is(parseInteger('1023', 1024, 2048), undefined);
  t.is(parseInteger('2049', 1024, 2048), undefined);
  t.is(parseInteger('1e3', 0, 2048), undefined);
});

test('a pair is cut at its first equal sign', (t) => {
  t.deepEqual(parsePair('authorization=Basic dXNlcg=='), ['authorization', 'Basic dXNlcg==']);
  t.deepEqual(parsePair('empty='), ['empty', '']);
  t.is(parsePair('novalue'), undefined);
  t.is(parsePair('=value'), undefined);
  t.is(parsePair(' =value'), undefined);
});
