/**
 * Reads what nDPI's serializer writes in its TLV format, version 1. Written from the format alone, without a look at the
 * encoder: version, format (1), then records of items, each ended by the byte 1; an item is a byte with the type of the key
 * in its high half and that of the value in its low half, the key, the value.
 */

/** By number or by name. Floats are marked, since 1 and 1.0 are not the same there. */
export type TlvRecord = Record<string, number | bigint | string | { readonly float: number }>;

/** Throws for anything that a reader could stumble over. */
export function decodeTlv(message: Uint8Array): TlvRecord[] {
  const reader = new Reader(message);
  if (reader.integer(1) !== 1 || reader.integer(1) !== 1) throw new Error('not TLV, version 1');
  const records: TlvRecord[] = [];
  while (!reader.isAtEnd) records.push(readRecord(reader));
  return records;
}

function readRecord(reader: Reader): TlvRecord {
  const record: TlvRecord = {};
  for (let type = reader.integer(1); type !== 1; type = reader.integer(1)) {
    const key = readKey(reader, type >> 4);
    if (key in record) throw new Error(`${key} comes twice`);
    record[key] = readValue(reader, type & 15);
  }
  if (Object.keys(record).length === 0) throw new Error('an empty record');
  return record;
}

function readKey(reader: Reader, type: number): string {
  if (type === 11) return reader.text();
  if (type >= 2 && type <= 4) return String(reader.integer(2 ** (type - 2)));
  throw new Error(`a key of type ${type}`);
}

function readValue(reader: Reader, type: number): TlvRecord[string] {
  if (type >= 2 && type <= 4) return reader.integer(2 ** (type - 2));
  if (type === 5) return reader.long();
  if (type === 10) return { float: reader.float() };
  if (type === 11) return reader.text();
  throw new Error(`a value of type ${type}`);
}

class Reader {
  readonly #bytes: DataView;
  #at = 0;

  constructor({ buffer, byteOffset, length }: Uint8Array) {
    this.#bytes = new DataView(buffer, byteOffset, length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  integer(size: number): number {
    let value = 0;
    for (let index = 0; index < size; index++) value = value * 256 + this.#bytes.getUint8(this.#at++);
    return value;
  }

  long(): bigint {
    this.#at += 8;
    return this.#bytes.getBigUint64(this.#at - 8);
  }

  float(): number {
    this.#at += 4;
    return this.#bytes.getFloat32(this.#at - 4, true);
  }

  text(): string {
    const size = this.integer(2);
    if (this.#at + size > this.#bytes.byteLength) throw new Error('a text that is longer than the message');
    this.#at += size;
    const bytes = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#at - size, size);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  }
}
