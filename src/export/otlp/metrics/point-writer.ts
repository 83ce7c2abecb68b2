/**
 * NumberDataPoint { start_time = 2, time = 3, as_double = 4, exemplars = 5, as_int = 6, attributes = 7 }
 * HistogramDataPoint { start_time = 2, time = 3, count = 4, sum = 5, bucket_counts = 6, explicit_bounds = 7,
 *                      exemplars = 8, attributes = 9, min = 11, max = 12 }
 * ExponentialHistogramDataPoint { attributes = 1, start_time = 2, time = 3, count = 4, sum = 5, scale = 6, zero_count = 7,
 *                                 positive = 8, negative = 9, exemplars = 11, min = 12, max = 13 }
 * Buckets { offset = 1, bucket_counts = 2 }
 * Exemplar { time = 2, as_double = 3, span_id = 4, trace_id = 5, as_int = 6, filtered_attributes = 7 }
 */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { DataPoint, ExponentialHistogram, Histogram } from '@opentelemetry/sdk-metrics';
import type { AttributeValue } from '../../semconv.ts';
import { encodePair } from '../any-value.ts';
import type { ByteBuffer } from '../buffer.ts';
import { lonelySpanId, traceIds } from '../trace-ids.ts';
import type { Exemplar } from './exemplars.ts';
import type { PointWithExemplars } from './producer.ts';

const POINT = 0x0a;
const START_TIME = 0x11;
const TIME = 0x19;
const COUNT = 0x21;
const SUM = 0x29;
const number = { double: 0x21, int: 0x31, exemplars: 0x2a, attributes: 0x3a } as const;
const explicit = { counts: 0x32, bounds: 0x3a, exemplars: 0x42, attributes: 0x4a, min: 0x59, max: 0x61 } as const;
const exponential = {
  attributes: 0x0a,
  scale: 0x30,
  zeroCount: 0x39,
  positive: 0x42,
  negative: 0x4a,
  exemplars: 0x5a,
  min: 0x61,
  max: 0x69,
} as const;
const OFFSET = 0x08;
const BUCKET_COUNTS = 0x12;
const exemplar = { time: 0x11, double: 0x19, span: 0x22, trace: 0x2a, int: 0x31, filtered: 0x3a } as const;

/** The attribute `sockflow.connection.id` in `filtered`, up to the id itself, whose length is always the same. */
const ID_LENGTH = 16;
const connectionId = encodePair(exemplar.filtered, 'sockflow.connection.id', '0'.repeat(ID_LENGTH)).slice(
  0,
  -ID_LENGTH,
);

export function writeNumber(point: DataPoint<number>, type: ValueType, out: ByteBuffer): void {
  const start = out.begin(POINT);
  writeTimes(point, out);
  const isInteger = type === ValueType.INT;
  if (isInteger) writeInteger(number.int, point.value, out);
  else writeDouble(number.double, point.value, out);
  writeExemplars(number.exemplars, point, isInteger, out);
  writeAttributes(number.attributes, point.attributes, out);
  out.end(start);
}

export function writeHistogram(point: DataPoint<Histogram>, out: ByteBuffer): void {
  const { count, sum, buckets, min, max } = point.value;
  const start = out.begin(POINT);
  writeTimes(point, out);
  writeInteger(COUNT, count, out);
  if (sum !== undefined) writeDouble(SUM, sum, out);
  const { counts, boundaries } = buckets;
  beginPacked(explicit.counts, 8 * counts.length, out);
  for (const each of counts) putInteger(each, out);
  beginPacked(explicit.bounds, 8 * boundaries.length, out);
  for (const each of boundaries) putDouble(each, out);
  writeExemplars(explicit.exemplars, point, false, out);
  writeAttributes(explicit.attributes, point.attributes, out);
  if (min !== undefined) writeDouble(explicit.min, min, out);
  if (max !== undefined) writeDouble(explicit.max, max, out);
  out.end(start);
}

export function writeExponential(point: DataPoint<ExponentialHistogram>, out: ByteBuffer): void {
  const { count, sum, scale, zeroCount, positive, negative, min, max } = point.value;
  const start = out.begin(POINT);
  writeAttributes(exponential.attributes, point.attributes, out);
  writeTimes(point, out);
  writeInteger(COUNT, count, out);
  if (sum !== undefined) writeDouble(SUM, sum, out);
  if (scale !== 0) writeSigned(exponential.scale, scale, out);
  writeInteger(exponential.zeroCount, zeroCount, out);
  writeBuckets(exponential.positive, positive, out);
  writeBuckets(exponential.negative, negative, out);
  writeExemplars(exponential.exemplars, point, false, out);
  if (min !== undefined) writeDouble(exponential.min, min, out);
  if (max !== undefined) writeDouble(exponential.max, max, out);
  out.end(start);
}

function writeBuckets(tag: number, { offset, bucketCounts }: ExponentialHistogram['positive'], out: ByteBuffer): void {
  const start = out.begin(tag);
  if (offset !== 0) writeSigned(OFFSET, offset, out);
  if (bucketCounts.length > 0) {
    const countsStart = out.begin(BUCKET_COUNTS);
    for (const count of bucketCounts) out.varint(count);
    out.end(countsStart);
  }
  out.end(start);
}

function writeExemplars(tag: number, point: DataPoint<unknown>, isInteger: boolean, out: ByteBuffer): void {
  const { exemplars } = point as Partial<PointWithExemplars<unknown>>;
  if (exemplars) for (const one of exemplars) writeExemplar(tag, one, isInteger, out);
}

function writeExemplar(tag: number, one: Exemplar, isInteger: boolean, out: ByteBuffer): void {
  const start = out.begin(tag);
  out.varint(exemplar.time);
  out.reserve(8);
  out.view.setBigUint64(out.position, one.time, true);
  out.position += 8;
  if (isInteger) writeInteger(exemplar.int, one.value, out);
  else writeDouble(exemplar.double, one.value, out);
  if (one.isTraced) {
    const ids = traceIds(one.id);
    out.delimited(exemplar.span, one.role === 'unknown' ? lonelySpanId(one.id, one.cookie) : ids[one.role]);
    out.delimited(exemplar.trace, ids.trace);
  }
  out.raw(connectionId);
  out.reserve(ID_LENGTH);
  for (let index = 0; index < ID_LENGTH; index++) out.bytes[out.position++] = one.id.charCodeAt(index) & 127;
  out.end(start);
}

/** Series keep their attributes from collection to collection; the tag differs by what they are in. */
const encoded = new Map<number, WeakMap<Attributes, Uint8Array>>();

function writeAttributes(tag: number, attributes: Attributes, out: ByteBuffer): void {
  let known = encoded.get(tag);
  if (known === undefined) {
    known = new WeakMap();
    encoded.set(tag, known);
  }
  let bytes = known.get(attributes);
  if (bytes === undefined) {
    bytes = Buffer.concat(pairsOf(attributes).map(([key, value]) => encodePair(tag, key, value)));
    known.set(attributes, bytes);
  }
  out.raw(bytes);
}

export function pairsOf(attributes: Attributes): [string, AttributeValue][] {
  return Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null) as [
    string,
    AttributeValue,
  ][];
}

function writeTimes({ startTime, endTime }: DataPoint<unknown>, out: ByteBuffer): void {
  writeTime(START_TIME, startTime, out);
  writeTime(TIME, endTime, out);
}

function writeTime(tag: number, [seconds, nanos]: HrTime, out: ByteBuffer): void {
  out.varint(tag);
  out.reserve(8);
  out.view.setBigUint64(out.position, BigInt(seconds) * 1_000_000_000n + BigInt(nanos), true);
  out.position += 8;
}

/** A fixed64 or sfixed64; what is no whole number is cut off, as by the SDK. */
function writeInteger(tag: number, value: number, out: ByteBuffer): void {
  out.varint(tag);
  putInteger(value, out);
}

function putInteger(value: number, out: ByteBuffer): void {
  out.reserve(8);
  const { view, position } = out;
  view.setUint32(position, value >>> 0, true);
  view.setInt32(position + 4, Math.floor(value / 2 ** 32), true);
  out.position += 8;
}

function writeDouble(tag: number, value: number, out: ByteBuffer): void {
  out.varint(tag);
  putDouble(value, out);
}

function putDouble(value: number, out: ByteBuffer): void {
  out.reserve(8);
  out.view.setFloat64(out.position, value, true);
  out.position += 8;
}

/** A sint32. */
function writeSigned(tag: number, value: number, out: ByteBuffer): void {
  out.varint(tag);
  out.varint(value < 0 ? -2 * value - 1 : 2 * value);
}

function beginPacked(tag: number, size: number, out: ByteBuffer): void {
  out.varint(tag);
  out.varint(size);
}
