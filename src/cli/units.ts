/** Durations and sizes as people type them. Each function returns undefined for what it doesn't understand. */

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Beyond this a timer of Node fires at once instead of late. */
const LONGEST = 2 ** 31 - 1;

/** `500ms`, `10s`, `1.5m`, `1h` in milliseconds. A number without unit is refused: nobody knows what was meant. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const result = Math.round(Number(number) * (milliseconds[unit] ?? Number.NaN));
  return result >= 1 && result <= LONGEST ? result : undefined;
}

const bytes: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** `64MiB`, `512KiB`, `1.5GiB` or plain bytes, in bytes. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB|)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const result = Number(number) * (bytes[unit] ?? Number.NaN);
  return Number.isSafeInteger(result) && result > 0 ? result : undefined;
}

/** Bytes as `parseSize` reads them, with the largest unit that is exact. */
export function formatSize(size: number): string {
  const [unit, factor] = Object.entries(bytes).findLast(([, factor]) => size % factor === 0) ?? ['', 1];
  return `${size / factor}${unit}`;
}

/** A whole number from `least` to `most`, as digits. */
export function parseInteger(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= least && number <= most ? number : undefined;
}

/** `K=V`; the value may contain more equal signs. */
export function parsePair(text: string): readonly [string, string] | undefined {
  const at = text.indexOf('=');
  const key = text.slice(0, at).trim();
  return at > 0 && key !== '' ? [key, text.slice(at + 1).trim()] : undefined;
}
