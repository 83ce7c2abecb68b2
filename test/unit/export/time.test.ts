import test from 'ava';
import { ascii, formatTime, secondsBetween, toHrTime, writeHex16, writeHexTime } from '../../../src/export/time.ts';

const moments = [0n, 1n, 999_999_999n, 1_000_000_000n, 1_795_560_264_123_456_789n, 4_294_967_296n, 2n ** 63n - 1n];

test('a time is split into seconds and nanoseconds exactly', (t) => {
  for (const moment of moments)
    t.deepEqual(toHrTime(moment), [Number(moment / 1_000_000_000n), Number(moment % 1_000_000_000n)]);
});

test('a time is written in UTC with nine digits', (t) => {
  t.is(formatTime(1_795_560_264_123_456_789n), '2026-11-24T22:44:24.123456789Z');
  t.is(formatTime(1_795_560_264_000_000_001n), '2026-11-24T22:44:24.000000001Z');
  t.is(formatTime(0n), '1970-01-01T00:00:00.000000000Z');
});

test('hexadecimal digits are padded', (t) => {
  for (const moment of moments)
    t.is(
      ascii(16, (target) => writeHexTime(moment, target, 0)),
      moment.toString(16).padStart(16, '0'),
    );
  t.is(
    ascii(4, (target) => writeHex16(80, target, 0)),
    '0050',
  );
});

test('seconds between two times are exact to the nanosecond, and never negative', (t) => {
  t.is(secondsBetween(1_795_560_264_999_999_999n, 1_795_560_265_000_000_000n), 1e-9);
  t.is(secondsBetween(0n, 1_795_560_264_000_000_000n), 1_795_560_264);
  t.is(secondsBetween(10n, 9n), 0);
});
