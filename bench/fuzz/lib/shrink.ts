/** Makes an input shorter for as long as it fails in the same way. */

/** Milliseconds that are worth it. */
const PATIENCE = 5_000;

/** `outcome` of an input: what went wrong, in the same words; `wanted` is that of `input`. */
export async function shrink(
  input: Buffer,
  wanted: string,
  outcome: (input: Buffer) => Promise<string>,
): Promise<Buffer> {
  let shortest = input;
  const until = performance.now() + PATIENCE;
  const isWorthIt = () => performance.now() < until;
  for (let part = Math.ceil(input.length / 2); part >= 1 && isWorthIt(); part = Math.floor(part / 2)) {
    for (let at = 0; at < shortest.length && isWorthIt(); ) {
      const shorter = Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + part)]);
      if ((await outcome(shorter)) === wanted) shortest = shorter;
      else at += part;
    }
  }
  return shortest;
}
