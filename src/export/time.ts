/**
 * UNIX nanoseconds to what is emitted, without a BigInt division a record: the two 32-bit halves are taken through one
 * shared cell and everything after is exact arithmetic on doubles.
 */

const cell = new BigUint64Array(1);
const half = new Uint32Array(cell.buffer);
const BILLION = 1e9;

/** Whole seconds and the nanoseconds after them, as `split` left them last: a returned pair would be garbage. */
const parts = new Float64Array(2);

/** Long division of the 64-bit value by 1e9, sixteen bits a step, so that no step leaves 2^53. */
function split(time: bigint): void {
  cell[0] = time;
  const high = half[1] as number;
  const low = half[0] as number;
  const quotient = Math.floor(high / BILLION);
  const upper = (high - quotient * BILLION) * 65536 + (low >>> 16);
  const upperQuotient = Math.floor(upper / BILLION);
  const lower = (upper - upperQuotient * BILLION) * 65536 + (low & 0xffff);
  const lowerQuotient = Math.floor(lower / BILLION);
  parts[0] = (quotient * 65536 + upperQuotient) * 65536 + lowerQuotient;
  parts[1] = lower - lowerQuotient * BILLION;
}

/** From `start` to `end` (UNIX nanoseconds) in seconds; 0 when the clock says that it ended before it began. */
export function secondsBetween(start: bigint, end: bigint): number {
  cell[0] = start;
  const startHigh = half[1] as number;
  const startLow = half[0] as number;
  cell[0] = end;
  const difference = ((half[1] as number) - startHigh) * 4294967296 + ((half[0] as number) - startLow);
  return difference > 0 ? difference / BILLION : 0;
}

/** UNIX nanoseconds as the pair [seconds, nanoseconds] of the OpenTelemetry API. */
export function toHrTime(time: bigint): [number, number] {
  split(time);
  return [parts[0] as number, parts[1] as number];
}

/** Bytes that a formatted time takes. */
export const TIME_LENGTH = 30;

/** 2026-11-24T of the days that were formatted last. */
const dates = new Map<number, Uint8Array>();
const MAX_DATES = 64;
/** 000 to 999. */
const threeDigits = Buffer.from(Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0')).join(''));

/** ISO 8601 in UTC with nanoseconds, e.g. 2026-11-24T22:44:24.123456789Z. `time`: UNIX nanoseconds. */
export function formatTime(time: bigint): string {
  return ascii(TIME_LENGTH, (target) => writeTime(time, target, 0));
}

/** Writes what `formatTime` returns into `target` from `at` on. */
export function writeTime(time: bigint, target: Uint8Array, at: number): void {
  split(time);
  const day = Math.floor((parts[0] as number) / 86_400);
  const date = dates.get(day) ?? formatDate(day);
  for (let index = 0; index < 11; index++) target[at + index] = date[index] as number;
  // From here on below 2^30, and kept integers: divisions of doubles would cost more than all the rest.
  writeClock((parts[0] as number) - day * 86_400, target, at + 11);
  target[at + 19] = 46;
  const nanoseconds = (parts[1] as number) | 0;
  const millis = (nanoseconds / 1_000_000) | 0;
  const micros = ((nanoseconds / 1000) | 0) - millis * 1000;
  writeThree(millis, target, at + 20);
  writeThree(micros, target, at + 23);
  writeThree(nanoseconds - millis * 1_000_000 - micros * 1000, target, at + 26);
  target[at + 29] = 90;
}

function formatDate(day: number): Uint8Array {
  if (dates.size === MAX_DATES) dates.clear();
  const date = Uint8Array.from(Buffer.from(new Date(day * 86_400_000).toISOString().slice(0, 11)));
  dates.set(day, date);
  return date;
}

/** hh:mm:ss of a second of the day. */
function writeClock(second: number, target: Uint8Array, at: number): void {
  const minute = (second / 60) | 0;
  const hour = (minute / 60) | 0;
  writeTwo(hour, target, at);
  target[at + 2] = 58;
  writeTwo(minute - hour * 60, target, at + 3);
  target[at + 5] = 58;
  writeTwo((second | 0) - minute * 60, target, at + 6);
}

function writeTwo(number: number, target: Uint8Array, at: number): void {
  target[at] = threeDigits[number * 3 + 1] as number;
  target[at + 1] = threeDigits[number * 3 + 2] as number;
}

function writeThree(number: number, target: Uint8Array, at: number): void {
  target[at] = threeDigits[number * 3] as number;
  target[at + 1] = threeDigits[number * 3 + 1] as number;
  target[at + 2] = threeDigits[number * 3 + 2] as number;
}

const hexDigits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

function writeHex32(number: number, target: Uint8Array, at: number): void {
  for (let index = 0; index < 8; index++) target[at + index] = hexDigits[(number >>> (28 - 4 * index)) & 15] as number;
}

/** Writes the 16 hexadecimal digits of a 64-bit time into `target` from `at` on. */
export function writeHexTime(time: bigint, target: Uint8Array, at: number): void {
  cell[0] = time;
  writeHex32(half[1] as number, target, at);
  writeHex32(half[0] as number, target, at + 8);
}

/** Writes four hexadecimal digits of a 16-bit number, such as a port, into `target` from `at` on. */
export function writeHex16(number: number, target: Uint8Array, at: number): void {
  for (let index = 0; index < 4; index++) target[at + index] = hexDigits[(number >>> (12 - 4 * index)) & 15] as number;
}

const scratch = Buffer.alloc(128);

/** The text of `length` ASCII bytes, at most 128, that `write` puts into its target. */
export function ascii(length: number, write: (target: Uint8Array) => void): string {
  write(scratch);
  return scratch.toString('latin1', 0, length);
}
