/**
 * Flows as nDPI's serializer writes them, which is what ntopng reads. A reader that meets half an item never comes back, so
 * a flow is in the message whole or not at all.
 */
import {
  type ContainerLabel,
  deltaFields,
  endpointFields,
  type Field,
  processFields,
  qualityFields,
} from './fields.ts';
import type { Flow } from './flow.ts';
import type { Encoding } from './message.ts';

/** In the low half of an item's first byte; of the first three, in the high half for the key, too. */
export const tlvTypes = { uint8: 2, uint16: 3, uint32: 4, uint64: 5, float: 10, text: 11 } as const;
/** Version 1 of the format, and its number among nDPI's. */
const HEADER = Buffer.from([1, 1]);
const END_OF_RECORD = 1;
const LONGEST_TEXT = 0xffff;
/** The largest number below 2^64 that a double can be. */
const MOST = 2 ** 64 - 2 ** 11;

export function createTlvEncoding(label: ContainerLabel): Encoding {
  const fields = [
    ...processFields('client', label),
    ...processFields('server', label),
    ...endpointFields,
    ...deltaFields,
    ...qualityFields,
  ].map((field) => ({ field, key: encodeKey(field) }));
  const write = (flow: Flow, target: Buffer, at: number): number => {
    const item = new Items(target, at);
    for (const { field, key } of fields) {
      if (field.kind === 'text') item.text(key, field.read(flow));
      else item.number(key, field.kind, field.read(flow));
    }
    return item.end();
  };
  return { version: 3, head: HEADER, separator: Buffer.alloc(0), tail: Buffer.alloc(0), write };
}

interface Key {
  /** In the high half of an item's first byte. */
  readonly type: number;
  readonly bytes: Buffer;
}

/** The number, else the name. */
function encodeKey({ id, name }: Field): Key {
  if (id === undefined) return { type: tlvTypes.text << 4, bytes: lengthAndText(name) };
  const bytes = Buffer.alloc(sizeOf(id));
  bytes.writeUIntBE(id, 0, bytes.length);
  return { type: typeOf(id) << 4, bytes };
}

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(`\0\0${text}`);
  bytes.writeUInt16BE(bytes.length - 2, 0);
  return bytes;
}

function sizeOf(number: number): 1 | 2 | 4 | 8 {
  if (number < 2 ** 16) return number < 2 ** 8 ? 1 : 2;
  return number < 2 ** 32 ? 4 : 8;
}

function typeOf(number: number): number {
  return { 1: tlvTypes.uint8, 2: tlvTypes.uint16, 4: tlvTypes.uint32, 8: tlvTypes.uint64 }[sizeOf(number)];
}

/** Writes one record. What does not fit is not written, and nothing behind it. */
class Items {
  readonly #target: Buffer;
  #at: number;
  #fits = true;

  constructor(target: Buffer, at: number) {
    this.#target = target;
    this.#at = at;
  }

  /** What is unknown, or no number, is left out. */
  number(key: Key, kind: 'int' | 'float', value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    if (kind === 'float') this.#float(key, value);
    else this.#integer(key, Math.max(0, Math.trunc(value)));
  }

  #integer(key: Key, value: number): void {
    const size = sizeOf(value);
    if (!this.#begin(key, typeOf(value), size)) return;
    if (size === 8) this.#target.writeBigUInt64BE(BigInt(Math.min(value, MOST)), this.#at);
    else this.#target.writeUIntBE(value, this.#at, size);
    this.#at += size;
  }

  /** The one number that is in the order of the machine's bytes: little-endian, here and there. */
  #float(key: Key, value: number): void {
    if (!this.#begin(key, tlvTypes.float, 4)) return;
    this.#target.writeFloatLE(value, this.#at);
    this.#at += 4;
  }

  /** Empty texts are left out. */
  text(key: Key, value: string | undefined): void {
    if (!value) return;
    const text = value.toWellFormed();
    const size = Buffer.byteLength(text);
    if (size > LONGEST_TEXT) this.#fits = false;
    if (!this.#begin(key, tlvTypes.text, 2 + size)) return;
    this.#at = this.#target.writeUInt16BE(size, this.#at);
    this.#at += this.#target.write(text, this.#at, size);
  }

  /** False: there is no room for the item. */
  #begin({ type, bytes }: Key, valueType: number, size: number): boolean {
    this.#fits &&= this.#at + 1 + bytes.length + size <= this.#target.length;
    if (!this.#fits) return false;
    this.#target[this.#at] = type | valueType;
    this.#at += 1 + bytes.copy(this.#target, this.#at + 1);
    return true;
  }

  /** Where the record ends; -1: it did not fit. */
  end(): number {
    if (!this.#fits || this.#at >= this.#target.length) return -1;
    this.#target[this.#at] = END_OF_RECORD;
    return this.#at + 1;
  }
}
