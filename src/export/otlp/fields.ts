/** Reads the fields of a protobuf message, as far as delivery needs them: answers of servers, and our own requests. */

/** One field as it lies in the bytes: `start` is its tag, `content` what is behind tag and length, `end` the next tag. */
export interface Field {
  readonly number: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
  /** Of varints, else 0. */
  readonly value: number;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** The fields of the message between `from` and `to`. Throws an Error when that is no message. */
export function* readFields(bytes: Uint8Array, from = 0, to = bytes.length): Generator<Field> {
  for (let start = from; start < to; ) {
    const tag = readVarint(bytes, start, to);
    const field = { number: Math.floor(tag.value / 8), start, ...readContent(bytes, tag.value % 8, tag.end, to) };
    if (field.number === 0 || field.end > to) throw new Error(`no protobuf field at byte ${start}`);
    yield field;
    start = field.end;
  }
}

function readContent(bytes: Uint8Array, type: number, at: number, to: number) {
  if (type === FIXED64) return { content: at, end: at + 8, value: 0 };
  if (type === FIXED32) return { content: at, end: at + 4, value: 0 };
  const { value, end } = readVarint(bytes, at, to);
  if (type === VARINT) return { content: at, end, value };
  if (type === DELIMITED) return { content: end, end: end + value, value: 0 };
  throw new Error(`no protobuf wire type: ${type}`);
}

/** As a number: what is above 2^53 loses its last digits, which lengths and delays never are. */
function readVarint(bytes: Uint8Array, at: number, to: number): { value: number; end: number } {
  let value = 0;
  let factor = 1;
  for (let position = at; position < to && position < at + 10; position++, factor *= 128) {
    const byte = bytes[position] as number;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, end: position + 1 };
  }
  throw new Error(`no varint at byte ${at}`);
}
