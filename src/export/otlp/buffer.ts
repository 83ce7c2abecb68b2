/**
 * A growing byte buffer with the few protobuf primitives that OTLP needs. Written for records of about a kilobyte at
 * hundreds of thousands a second: room is made once for a whole field, and nothing is allocated for one.
 */

/** A varint of 64 bits takes at most this many bytes. */
const MAX_VARINT = 10;

export class ByteBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  /** Where the next byte goes: everything before it is written. */
  position = 0;

  /** A size, or memory that begins where its buffer does, to be written over. */
  constructor(memory: number | Uint8Array<ArrayBuffer>) {
    this.bytes = typeof memory === 'number' ? new Uint8Array(memory) : memory;
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes sure that `size` more bytes fit. */
  reserve(size: number): void {
    if (this.position + size > this.bytes.length) this.#grow(this.position + size);
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.position));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  /** Copies `source` as it is. */
  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.position);
    this.position += source.length;
  }

  /** An unsigned number below 2^53. */
  varint(value: number): void {
    this.reserve(varintSize(value));
    const bytes = this.bytes;
    let at = this.position;
    let rest = value;
    while (rest >= 0x10000000) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.position = at;
  }

  /** A signed 64-bit number: negative ones take ten bytes, as in every protobuf int64. */
  bigVarint(value: bigint): void {
    this.reserve(MAX_VARINT);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) this.bytes[this.position++] = Number(rest & 127n) | 128;
    this.bytes[this.position++] = Number(rest);
  }

  /** A field that is a run of bytes: tag (below 128), length, content. */
  delimited(tag: number, content: Uint8Array): void {
    this.varint(tag);
    this.varint(content.length);
    this.raw(content);
  }

  /** Begins a message of unknown length in the field `tag`; returns what `end` wants. */
  begin(tag: number): number {
    this.reserve(3);
    this.bytes[this.position] = tag;
    this.position += 3;
    return this.position;
  }

  /** Ends the message whose content began at `start`. Two bytes were left for its length: most have 128 to 16,383. */
  end(start: number): void {
    const length = this.position - start;
    if (length > 127 && length < 16384) {
      this.bytes[start - 2] = (length & 127) | 128;
      this.bytes[start - 1] = length >>> 7;
    } else this.#endAnyLength(start, length);
  }

  #endAnyLength(start: number, length: number): void {
    const shift = varintSize(length) - 2;
    this.reserve(Math.max(shift, 0));
    this.bytes.copyWithin(start + shift, start, this.position);
    this.position = start - 2;
    this.varint(length);
    this.position += length;
  }

  /** A copy of what is written. */
  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.position);
  }
}

/** Bytes that `value`, an unsigned number below 2^53, takes as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}
