/** Who it was, on each record: encoded once a batch for each process, and copied from then on. */
import type { Process } from '../../model.ts';
import type { ShownLabels } from '../semconv.ts';
import { ByteBuffer } from './buffer.ts';
import { compileIdentity, type ResourceWriter } from './resource.ts';

export class IdentityWriter {
  readonly #encoded = new ByteBuffer(64 * 1024);
  readonly #encode: ResourceWriter;
  readonly #out: ByteBuffer;
  #places = new Map<Process | undefined, Uint8Array>();

  /** Each attribute goes to `out`, in the field `tag`. */
  constructor(shown: ShownLabels, tag: number, out: ByteBuffer) {
    this.#encode = compileIdentity(shown, tag, this.#encoded);
    this.#out = out;
  }

  write(process: Process | undefined): void {
    this.#out.raw(this.#places.get(process) ?? this.#add(process));
  }

  #add(process: Process | undefined): Uint8Array {
    const start = this.#encoded.position;
    this.#encode(process);
    // Stays what it is even when the buffer grows and leaves this memory.
    const bytes = this.#encoded.bytes.subarray(start, this.#encoded.position);
    this.#places.set(process, bytes);
    return bytes;
  }

  /** Names of users, containers and pods may have come meanwhile. To be called with each new batch. */
  reset(): void {
    this.#encoded.position = 0;
    this.#places = new Map();
  }
}
