/** After work on a file failed the next attempt is made so much later: first and longest, in milliseconds. */
const PAUSES = [250, 30_000] as const;

/** performance.now() of the next attempt. `failures`: in a row before this one. */
export function nextAttempt(failures: number): number {
  const [first, longest] = PAUSES;
  return performance.now() + Math.min(first * 2 ** failures, longest);
}
