/** Numbers from 0 (included) to 1 (excluded), always the same for a seed: a linear congruential generator modulo 2^48. */
export function random(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = (state * 25_214_903_917n + 11n) & 0xffff_ffff_ffffn;
    return Number(state >> 16n) / 2 ** 32;
  };
}
