/**
 * An Export…ServiceRequest as OTLP/JSON, made of its protobuf bytes: what waits and what is spooled has one form, and
 * JSON is made on the way out. ids are hexadecimal, 64-bit integers are strings, enumerations are numbers.
 */
import type { Signal } from './settings.ts';

type Scalar =
  | 'string'
  | 'id'
  | 'bytes'
  | 'bool'
  | 'int32'
  | 'sint32'
  | 'uint32'
  | 'int64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double'
  | 'uint64';

interface Field {
  readonly name: string;
  readonly type: Scalar | Message;
  readonly repeated: boolean;
}

/** Fields by their number. */
type Message = ReadonlyMap<number, Field>;

/** `of('1 name type', …)`; `[]` behind the type: repeated. Messages come as objects behind the text. */
function message(...fields: (readonly [number: number, name: string, type: Scalar | Message, repeated?: '[]'])[]) {
  return new Map(fields.map(([number, name, type, repeated]) => [number, { name, type, repeated: repeated === '[]' }]));
}

const anyValue = new Map<number, Field>([
  ...message(
    [1, 'stringValue', 'string'],
    [2, 'boolValue', 'bool'],
    [3, 'intValue', 'int64'],
    [4, 'doubleValue', 'double'],
    [7, 'bytesValue', 'bytes'],
  ),
]);
anyValue.set(5, { name: 'arrayValue', type: message([1, 'values', anyValue, '[]']), repeated: false });
const keyValue = message([1, 'key', 'string'], [2, 'value', anyValue]);
anyValue.set(6, { name: 'kvlistValue', type: message([1, 'values', keyValue, '[]']), repeated: false });

const resource = message([1, 'attributes', keyValue, '[]'], [2, 'droppedAttributesCount', 'uint32']);
const scope = message([1, 'name', 'string'], [2, 'version', 'string'], [3, 'attributes', keyValue, '[]']);

const logRecord = message(
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'severityNumber', 'int32'],
  [3, 'severityText', 'string'],
  [5, 'body', anyValue],
  [6, 'attributes', keyValue, '[]'],
  [7, 'droppedAttributesCount', 'uint32'],
  [8, 'flags', 'fixed32'],
  [9, 'traceId', 'id'],
  [10, 'spanId', 'id'],
  [11, 'observedTimeUnixNano', 'fixed64'],
  [12, 'eventName', 'string'],
);

const spanEvent = message(
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'name', 'string'],
  [3, 'attributes', keyValue, '[]'],
  [4, 'droppedAttributesCount', 'uint32'],
);
const spanLink = message(
  [1, 'traceId', 'id'],
  [2, 'spanId', 'id'],
  [3, 'traceState', 'string'],
  [4, 'attributes', keyValue, '[]'],
  [6, 'flags', 'fixed32'],
);
const span = message(
  [1, 'traceId', 'id'],
  [2, 'spanId', 'id'],
  [3, 'traceState', 'string'],
  [4, 'parentSpanId', 'id'],
  [5, 'name', 'string'],
  [6, 'kind', 'int32'],
  [7, 'startTimeUnixNano', 'fixed64'],
  [8, 'endTimeUnixNano', 'fixed64'],
  [9, 'attributes', keyValue, '[]'],
  [10, 'droppedAttributesCount', 'uint32'],
  [11, 'events', spanEvent, '[]'],
  [12, 'droppedEventsCount', 'uint32'],
  [13, 'links', spanLink, '[]'],
  [15, 'status', message([2, 'message', 'string'], [3, 'code', 'int32'])],
  [16, 'flags', 'fixed32'],
);

const exemplar = message(
  [7, 'filteredAttributes', keyValue, '[]'],
  [2, 'timeUnixNano', 'fixed64'],
  [3, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [4, 'spanId', 'id'],
  [5, 'traceId', 'id'],
);
const numberPoint = message(
  [7, 'attributes', keyValue, '[]'],
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'asDouble', 'double'],
  [6, 'asInt', 'sfixed64'],
  [5, 'exemplars', exemplar, '[]'],
  [8, 'flags', 'uint32'],
);
const histogramPoint = message(
  [9, 'attributes', keyValue, '[]'],
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'bucketCounts', 'fixed64', '[]'],
  [7, 'explicitBounds', 'double', '[]'],
  [8, 'exemplars', exemplar, '[]'],
  [10, 'flags', 'uint32'],
  [11, 'min', 'double'],
  [12, 'max', 'double'],
);
const buckets = message([1, 'offset', 'sint32'], [2, 'bucketCounts', 'uint64', '[]']);
const exponentialPoint = message(
  [1, 'attributes', keyValue, '[]'],
  [2, 'startTimeUnixNano', 'fixed64'],
  [3, 'timeUnixNano', 'fixed64'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double'],
  [6, 'scale', 'sint32'],
  [7, 'zeroCount', 'fixed64'],
  [8, 'positive', buckets],
  [9, 'negative', buckets],
  [10, 'flags', 'uint32'],
  [11, 'exemplars', exemplar, '[]'],
  [12, 'min', 'double'],
  [13, 'max', 'double'],
  [14, 'zeroThreshold', 'double'],
);
const points = (point: Message) =>
  message([1, 'dataPoints', point, '[]'], [2, 'aggregationTemporality', 'int32'], [3, 'isMonotonic', 'bool']);
const metric = message(
  [1, 'name', 'string'],
  [2, 'description', 'string'],
  [3, 'unit', 'string'],
  [5, 'gauge', points(numberPoint)],
  [7, 'sum', points(numberPoint)],
  [9, 'histogram', points(histogramPoint)],
  [10, 'exponentialHistogram', points(exponentialPoint)],
);

/** All three requests have the same shape. */
function request(resources: string, scopes: string, items: string, item: Message): Message {
  const scopeItems = message([1, 'scope', scope], [2, items, item, '[]'], [3, 'schemaUrl', 'string']);
  const resourceScopes = message([1, 'resource', resource], [2, scopes, scopeItems, '[]'], [3, 'schemaUrl', 'string']);
  return message([1, resources, resourceScopes, '[]']);
}

const requests: Readonly<Record<Signal, Message>> = {
  LOGS: request('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
  METRICS: request('resourceMetrics', 'scopeMetrics', 'metrics', metric),
  TRACES: request('resourceSpans', 'scopeSpans', 'spans', span),
};

/** Throws an Error when these are not the bytes of a request. */
export function toJson(signal: Signal, bytes: Uint8Array): string {
  const reader = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
  return JSON.stringify(readMessage(requests[signal], reader, bytes.length));
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function readMessage(fields: Message, reader: Reader, end: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  while (reader.at < end) {
    const tag = Number(readVarint(reader));
    const field = fields.get(tag >>> 3);
    if (field === undefined) skip(reader, tag & 7);
    else if (field.repeated) readRepeated(result, field, reader, tag & 7);
    else result[field.name] = readValue(field.type, reader);
  }
  return result;
}

const delimited = new Set<Field['type']>(['string', 'id', 'bytes']);

/** Numbers come packed, or one by one. */
function readRepeated(result: Record<string, unknown>, { name, type }: Field, reader: Reader, wire: number): void {
  result[name] ??= [];
  const list = result[name] as unknown[];
  if (typeof type === 'object' || delimited.has(type) || wire !== 2) return void list.push(readValue(type, reader));
  const length = Number(readVarint(reader));
  for (const end = reader.at + length; reader.at < end; ) list.push(readValue(type, reader));
}

function readValue(type: Field['type'], reader: Reader): unknown {
  if (typeof type === 'object') {
    const length = Number(readVarint(reader));
    return readMessage(type, reader, reader.at + length);
  }
  return scalars[type](reader);
}

const scalars: Readonly<Record<Scalar, (reader: Reader) => unknown>> = {
  string: (reader) => take(reader).toString('utf8'),
  id: (reader) => take(reader).toString('hex'),
  bytes: (reader) => take(reader).toString('base64'),
  bool: (reader) => readVarint(reader) !== 0n,
  int32: (reader) => Number(BigInt.asIntN(32, readVarint(reader))),
  sint32: (reader) => zigzag(Number(readVarint(reader))),
  uint32: (reader) => Number(readVarint(reader)),
  int64: (reader) => String(BigInt.asIntN(64, readVarint(reader))),
  uint64: (reader) => String(readVarint(reader)),
  fixed32: (reader) => reader.bytes.readUInt32LE(step(reader, 4)),
  fixed64: (reader) => String(reader.bytes.readBigUInt64LE(step(reader, 8))),
  sfixed64: (reader) => String(reader.bytes.readBigInt64LE(step(reader, 8))),
  double: (reader) => spell(reader.bytes.readDoubleLE(step(reader, 8))),
};

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** JSON has no number for these. */
function spell(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function step(reader: Reader, size: number): number {
  const at = reader.at;
  reader.at += size;
  return at;
}

function take(reader: Reader): Buffer {
  const length = Number(readVarint(reader));
  const at = step(reader, length);
  return reader.bytes.subarray(at, at + length);
}

function readVarint(reader: Reader): bigint {
  let value = 0;
  let factor = 1;
  for (let shift = 0n, big = 0n; ; shift += 7n) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined || shift > 63n) throw new Error(`no varint at byte ${reader.at}`);
    // Most are small, and a bigint for each byte would cost ten times as much.
    if (shift < 28n) {
      value += (byte & 127) * factor;
      factor *= 128;
    } else big += BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt(value) + big;
  }
}

function skip(reader: Reader, wire: number): void {
  if (wire === 0) readVarint(reader);
  else if (wire === 1) step(reader, 8);
  else if (wire === 2) take(reader);
  else if (wire === 5) step(reader, 4);
  else throw new Error(`no protobuf wire type: ${wire}`);
}
