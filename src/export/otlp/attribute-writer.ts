/**
 * Turns the table of attributes into straight functions, generated at the start: each key with its tags is a few constant
 * stores, each `read` one direct call. As an array of closures the same work costs 2.4 times as much (950 against 400 ns a
 * record): forty calls to code that the compiler doesn't know beforehand. The generated source holds nothing but the
 * table's own keys and values, as numbers and JSON strings.
 *
 * KeyValue { key = 1: string, value = 2: AnyValue { string = 1, bool = 2, int = 3, double = 4, array = 5 } }
 */
import type { Attribute, AttributeValue } from '../semconv.ts';
import { encodePair, STRING_VALUE, VALUE_TAGS } from './any-value.ts';
import type { ByteBuffer } from './buffer.ts';

/** Appends all attributes of a source that are present. */
export type AttributeWriter<Source> = (source: Source) => void;

/** Longest content whose length is one byte. Longer pairs, and rare kinds of values, take the general way. */
const SHORT = 127;

/**
 * Attributes in one function. A single one for all is dear to compile and slower in the end: of the CPU for the first 40,000 records
 * eights save 190 ms of 500, and of each record after 120,000 they take 1.8 µs instead of 3.0.
 */
const GROUP = 8;

/** What a pair on the quick way takes at most, with what its stores may touch. */
const ROOM = SHORT + 2;

const utf8 = new TextEncoder();

/** What the generated code calls. */
interface Runtime<Source> {
  readonly out: ByteBuffer;
  /** `read`, or `text.write` where there is one. */
  readonly calls: readonly ((source: Source, target: Uint8Array, at: number) => unknown)[];
  /** Appends any value of the attribute with this index to `out`. */
  readonly general: (index: number, value: AttributeValue) => void;
}

/**
 * @param tag the field, as one byte, in which each attribute is a KeyValue
 * @param out where the attributes go
 */
export function compileAttributes<Source>(
  attributes: readonly Attribute<Source>[],
  tag: number,
  out: ByteBuffer,
): AttributeWriter<Source> {
  const groups: AttributeWriter<Source>[] = [];
  for (let at = 0; at < attributes.length; at += GROUP)
    groups.push(compileGroup(attributes.slice(at, at + GROUP), tag, out));
  const names = groups.map((_, index) => `group${index}`);
  const source = `'use strict';
const [${names}] = groups;
return (source) => { ${names.map((name) => `${name}(source);`).join(' ')} };`;
  return new Function('groups', source)(groups) as AttributeWriter<Source>;
}

function compileGroup<Source>(
  attributes: readonly Attribute<Source>[],
  tag: number,
  out: ByteBuffer,
): AttributeWriter<Source> {
  const parts = attributes.map((attribute, index) => generate(attribute, index, tag));
  const source = `'use strict';
const { out, calls, general } = runtime;
const [${attributes.map((_, index) => `call${index}`)}] = calls;
${varintSource}
return (source) => {
  out.reserve(${ROOM * attributes.length});
  let { bytes, view, position } = out;
  let value;
  ${parts.join('\n  ')}
  out.position = position;
};`;
  const runtime: Runtime<Source> = {
    out,
    calls: attributes.map(({ read, text }) => text?.write ?? read),
    general(index, value) {
      out.raw(encodePair(tag, (attributes[index] as Attribute<Source>).key, value));
      out.reserve(ROOM * attributes.length);
    },
  };
  return new Function('runtime', source)(runtime) as AttributeWriter<Source>;
}

/** Local to the generated function, so that it is compiled into it. `value`: below 2^53. Returns the end. */
const varintSource = `const varint = (bytes, at, value) => {
  while (value > 0xfffffff) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  while (value > 127) {
    bytes[at++] = (value & 127) | 128;
    value >>>= 7;
  }
  bytes[at] = value;
  return at + 1;
};`;

/** The statements that write one attribute. */
function generate<Source>(attribute: Attribute<Source>, index: number, tag: number): string {
  const key = utf8.encode(attribute.key);
  const { type, text, values } = attribute;
  if (text) return generateText(text.length, index, new Head(tag, key, text.length + 2, STRING_VALUE, text.length));
  const read = `value = call${index}(source);`;
  if (values) return `${read} switch (value) { case undefined: break; ${generateCases(values, index, tag, key)} }`;
  if (type === 'string') return `${read} if (value !== undefined) { ${generateString(index, tag, key)} }`;
  if (type === 'int') return `${read} if (value !== undefined) { ${generateInt(index, tag, key)} }`;
  if (type === 'double') return `${read} if (value !== undefined) { ${generateDouble(tag, key)} }`;
  return `${read} if (value !== undefined) { ${generalWay(index)} }`;
}

/**
 * The state lives in locals: a closure over them would move them out of the registers and double the cost of all. So
 * what leaves the quick way hands over and takes back, in place; `general` makes room for what follows.
 */
function generalWay(index: number): string {
  return `out.position = position; general(${index}, value); ({ bytes, view, position } = out);`;
}

/** The bytes of a pair before its value: both lengths are as for an AnyValue of `size` bytes. */
class Head {
  readonly bytes: Uint8Array;
  readonly length: number;

  constructor(tag: number, key: Uint8Array, size: number, valueTag: number, ...more: number[]) {
    if (key.length > 80) throw new Error(`attribute key longer than 80 bytes: ${Buffer.from(key)}`);
    this.bytes = Uint8Array.of(tag, key.length + 4 + size, 0x0a, key.length, ...key, 0x12, size, valueTag, ...more);
    this.length = this.bytes.length;
  }
}

function generateText(size: number, index: number, head: Head): string {
  const { length } = head;
  return `${store(head.bytes)} call${index}(source, bytes, position + ${length}); position += ${length + size};`;
}

function generateDouble(tag: number, key: Uint8Array): string {
  const head = new Head(tag, key, 9, VALUE_TAGS.double);
  const { length } = head;
  return `${store(head.bytes)} view.setFloat64(position + ${length}, value, true); position += ${length + 8};`;
}

function generateInt(index: number, tag: number, key: Uint8Array): string {
  const head = new Head(tag, key, 0, VALUE_TAGS.int);
  return `if (value >= 0 && Number.isSafeInteger(value)) {
    ${store(head.bytes)}
    const end = varint(bytes, position + ${head.length}, value);
    const size = end - position - ${head.length - 1};
    bytes[position + 1] = size + ${key.length + 4};
    bytes[position + ${head.length - 2}] = size;
    position = end;
  } else { ${generalWay(index)} }`;
}

function generateString(index: number, tag: number, key: Uint8Array): string {
  const head = new Head(tag, key, 0, STRING_VALUE, 0);
  return `const size = value.length;
  let at = 0;
  if (size <= ${SHORT - key.length - 6}) {
    const start = position + ${head.length};
    for (let code; at < size && (code = value.charCodeAt(at)) < 128; at++) bytes[start + at] = code;
  }
  if (at === size) {
    ${store(head.bytes)}
    bytes[position + 1] = size + ${key.length + 6};
    bytes[position + ${head.length - 3}] = size + 2;
    bytes[position + ${head.length - 1}] = size;
    position += ${head.length} + size;
  } else { ${generalWay(index)} }`;
}

/** Where the values are known, the whole pair is constant. */
function generateCases(values: readonly string[], index: number, tag: number, key: Uint8Array): string {
  const cases = values.map((value) => {
    const text = utf8.encode(value);
    const { bytes, length } = new Head(tag, key, text.length + 2, STRING_VALUE, text.length, ...text);
    return `case ${JSON.stringify(value)}: ${store(bytes)} position += ${length}; break;`;
  });
  return `${cases.join(' ')} default: { ${generalWay(index)} }`;
}

/** Stores constant bytes at `position`, in words as long as they go: eight as a double, which all of V8's tiers store at once. */
function store(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const statements: string[] = [];
  let at = 0;
  for (; at + 8 <= bytes.length && isExact(view.getFloat64(at, true)); at += 8)
    statements.push(`view.setFloat64(position + ${at}, ${view.getFloat64(at, true)}, true);`);
  for (; at + 4 <= bytes.length; at += 4)
    statements.push(`view.setUint32(position + ${at}, ${view.getUint32(at, true)}, true);`);
  for (; at < bytes.length; at++) statements.push(`bytes[position + ${at}] = ${bytes[at]};`);
  return statements.join(' ');
}

/** Comes out of its text with the same bytes: not all that is no number is alike, and the text of -0 is 0. */
function isExact(double: number): boolean {
  return Number.isFinite(double) && !Object.is(double, -0);
}
