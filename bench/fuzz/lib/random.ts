/** Numbers that are the same for the same seed and input, so that any input can be made again by itself. */

export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 0;

  constructor(seed: number, index: number) {
    this.begin(seed, index);
  }

  /** As if it were made anew. */
  begin(seed: number, index: number): void {
    this.#a = seed | 0;
    this.#b = index | 0;
    this.#c = Math.floor(index / 2 ** 32) | 0;
    this.#counter = 1;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 bits (Doty-Humphrey's "small fast counting" generator). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 to `limit` - 1; 0 when there is nothing below. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<Value>(list: readonly Value[]): Value {
    return list[this.below(list.length)] as Value;
  }
}
