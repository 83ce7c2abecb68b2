/**
 * UNIX nanoseconds to what is emitted, without a BigInt division a record: the two 32-bit halves are taken through one
 * shared cell and everything after is exact arithmetic on doubles.
 */

const cell = new BigUint64Array(1);
const half = new Uint32Array(cell.buffer);
const BILLION = 1e9;

/** Whole seconds and the nanoseconds after them, as the last `split` left them: a returned pair would be garbage. */
let seconds = 0;
let nanoseconds = 0;

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
  seconds = (quotient * 65536 + upperQuotient) * 65536 + lowerQuotient;
  nanoseconds = lower - lowerQuotient * BILLION;
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
  return [seconds, nanoseconds];
}

let lastSecond = -1;
let lastText = '';
const threeDigits = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'));

/** ISO 8601 in UTC with nanoseconds, e.g. 2026-11-24T22:44:24.123456789Z. `time`: UNIX nanoseconds. */
export function formatTime(time: bigint): string {
  split(time);
  if (seconds !== lastSecond) {
    lastSecond = seconds;
    lastText = new Date(seconds * 1000).toISOString().slice(0, -4);
  }
  const millis = Math.floor(nanoseconds / 1e6);
  const micros = Math.floor(nanoseconds / 1e3) - millis * 1e3;
  const rest = nanoseconds - millis * 1e6 - micros * 1e3;
  return `${lastText}${threeDigits[millis]}${threeDigits[micros]}${threeDigits[rest]}Z`;
}

const fourHex = Array.from({ length: 65536 }, (_, number) => number.toString(16).padStart(4, '0'));

/** 16 hexadecimal digits of a 64-bit time. */
export function hexTime(time: bigint): string {
  cell[0] = time;
  const high = half[1] as number;
  const low = half[0] as number;
  return `${fourHex[high >>> 16]}${fourHex[high & 0xffff]}${fourHex[low >>> 16]}${fourHex[low & 0xffff]}`;
}

/** Four hexadecimal digits of a 16-bit number, such as a port. */
export function hex16(number: number): string {
  return fourHex[number & 0xffff] as string;
}
