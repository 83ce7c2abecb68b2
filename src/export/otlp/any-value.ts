/** The general way to encode an attribute: any value, any length. */
import type { AttributeValue } from '../semconv.ts';
import { ByteBuffer } from './buffer.ts';

/** First bytes of an AnyValue, by what it holds. */
export const STRING_VALUE = 0x0a;
export const VALUE_TAGS = { boolean: 0x10, int: 0x18, double: 0x21, array: 0x2a } as const;

const KEY = 0x0a;
const VALUE = 0x12;
const ELEMENT = 0x0a;

const utf8 = new TextEncoder();

/** A KeyValue in the field `tag`. */
export function encodePair(tag: number, key: string, value: AttributeValue): Uint8Array {
  const pair = new ByteBuffer(256);
  const start = pair.begin(tag);
  pair.delimited(KEY, utf8.encode(key));
  pair.delimited(VALUE, encodeAny(value));
  pair.end(start);
  return pair.take();
}

/** An AnyValue. Lone surrogates become U+FFFD: one string that isn't UTF-8 makes a Collector refuse the whole batch. */
function encodeAny(value: AttributeValue): Uint8Array {
  const any = new ByteBuffer(64);
  if (typeof value === 'string') any.delimited(STRING_VALUE, utf8.encode(value));
  else if (typeof value === 'boolean') any.raw(Uint8Array.of(VALUE_TAGS.boolean, value ? 1 : 0));
  else if (typeof value === 'number') encodeNumber(any, value);
  else any.delimited(VALUE_TAGS.array, encodeArray(value));
  return any.take();
}

/** What is no int64 is written as the double that it is, so that nothing is cut off unseen. */
function encodeNumber(any: ByteBuffer, value: number): void {
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) {
    any.varint(VALUE_TAGS.int);
    any.bigVarint(BigInt(value));
  } else {
    any.varint(VALUE_TAGS.double);
    any.reserve(8);
    any.view.setFloat64(any.position, value, true);
    any.position += 8;
  }
}

function encodeArray(values: readonly string[]): Uint8Array {
  const array = new ByteBuffer(256);
  for (const value of values) array.delimited(ELEMENT, encodeAny(value));
  return array.take();
}
