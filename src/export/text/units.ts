/** Numbers for people, in at most five columns each. k = 1000. */

const units = ['', 'K', 'M', 'G', 'T', 'P'];

/** `61`, `1.4K`, `42K`, `9.0M`: at most four columns. */
export function formatCount(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)}${units[unit]}`;
}

/** Below a tenth of a millisecond it is microseconds, as `45µs`; `0.2ms`, `8.4ms`, `228ms`, `1.5s`, `63s`, `5m12s`. */
export function formatDuration(seconds: number, microseconds = 'µs'): string {
  const ms = seconds * 1000;
  if (ms < 0.0995) return `${(ms * 1000).toFixed(0)}${microseconds}`;
  if (ms < 9.95) return `${ms.toFixed(1)}ms`;
  if (ms < 999.5) return `${ms.toFixed(0)}ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  if (seconds < 119.5) return `${seconds.toFixed(0)}s`;
  return formatLong(Math.round(seconds));
}

/** As `formatDuration`, with the second digit that a handshake on a local network needs: `0.22ms`. */
export function formatFine(seconds: number, microseconds = 'µs'): string {
  const ms = seconds * 1000;
  return ms >= 0.0995 && ms < 0.9995 ? `${ms.toFixed(2)}ms` : formatDuration(seconds, microseconds);
}

/** Two units as long as both fit. */
function formatLong(seconds: number): string {
  if (seconds < 600) return pair(seconds, 60, 'm', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  if (minutes < 600) return pair(minutes, 60, 'h', 'm');
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours}h`;
  return hours < 240 ? pair(hours, 24, 'd', 'h') : `${Math.round(hours / 24)}d`;
}

function pair(value: number, factor: number, large: string, small: string): string {
  const rest = value % factor;
  return `${Math.floor(value / factor)}${large}${rest > 0 ? `${rest}${small}` : ''}`;
}
