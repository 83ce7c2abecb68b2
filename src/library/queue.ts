/** A bounded queue between what happens and who asks for it, in order. */

type Taker<Item> = (result: IteratorResult<Item, undefined>) => void;

/** Items at the front that were taken are cut off when there are so many of them. */
const SCRAP = 4_096;

export class Queue<Item> {
  readonly #limit: number;
  #items: Item[] = [];
  #taken = 0;
  /** They ask for more than there is. */
  #takers: Taker<Item>[] = [];
  #hasEnded = false;

  /** `limit`: items that may wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#items.length - this.#taken;
  }

  /** Returns how many found no room: the last ones, so that what is there has no gap. */
  push(items: readonly Item[]): number {
    if (this.#hasEnded) return items.length;
    const served = Math.min(this.#takers.length, items.length);
    for (let at = 0; at < served; at++) this.#takers[at]?.({ done: false, value: items[at] as Item });
    this.#takers = this.#takers.slice(served);
    const end = Math.min(items.length, served + Math.max(0, this.#limit - this.length));
    for (let at = served; at < end; at++) this.#items.push(items[at] as Item);
    return items.length - end;
  }

  take(): Promise<IteratorResult<Item, undefined>> {
    if (this.length > 0) return Promise.resolve({ done: false, value: this.#shift() });
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Nothing comes any more; what waits can still be taken. Idempotent. */
  end(): void {
    this.#hasEnded = true;
    for (const taker of this.#takers) taker({ done: true, value: undefined });
    this.#takers = [];
  }

  /** Nobody wants what waits. */
  clear(): void {
    this.#items = [];
    this.#taken = 0;
  }

  #shift(): Item {
    const item = this.#items[this.#taken] as Item;
    this.#taken++;
    if (this.#taken === this.#items.length) this.clear();
    else if (this.#taken === SCRAP) {
      this.#items = this.#items.slice(SCRAP);
      this.#taken = 0;
    }
    return item;
  }
}
