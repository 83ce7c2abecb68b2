/**
 * Memory for requests, used again. A new half a megabyte for each one has to be found, cleared and touched for the first
 * time, and makes the collector of garbage run for nothing else: together that was a third of what a record cost.
 */

/** Requests of less are rare where there is much to do. */
const LEAST = 4 * 1024;
/** Bytes that are kept for later; more than the requests that are under way at once have. */
const MOST_KEPT = 4 * 1024 * 1024;

export class BatchMemory {
  readonly #free: ArrayBuffer[] = [];
  #kept = 0;

  /** `size` bytes that may hold anything; what is around them is less than a sixteenth part, so that limits of bytes hold. */
  take(size: number): Uint8Array<ArrayBuffer> {
    if (size < LEAST) return new Uint8Array(size);
    const room = roomFor(size);
    const at = this.#free.findIndex(({ byteLength }) => byteLength === room);
    if (at < 0) return new Uint8Array(Buffer.allocUnsafeSlow(room).buffer, 0, size);
    const [memory] = this.#free.splice(at, 1) as [ArrayBuffer];
    this.#kept -= memory.byteLength;
    return new Uint8Array(memory, 0, size);
  }

  /** Of bytes that were taken here, and that nobody will look at any more. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength < LEAST) return;
    this.#free.unshift(buffer);
    this.#kept += buffer.byteLength;
    while (this.#kept > MOST_KEPT) this.#kept -= (this.#free.pop() as ArrayBuffer).byteLength;
  }
}

/** The same for sizes that differ a little. */
function roomFor(size: number): number {
  const step = 2 ** Math.floor(Math.log2(size / 16));
  return Math.ceil(size / step) * step;
}
