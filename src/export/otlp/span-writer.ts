/**
 * Ends of connections to the bytes of an ExportTraceServiceRequest: a connection is a span, the client's is the parent of
 * the server's.
 *
 * Span { trace_id = 1, span_id = 2, parent_span_id = 4, name = 5, kind = 6, start_time = 7, end_time = 8, attributes = 9,
 *        events = 11, dropped_events_count = 12, status = 15, flags = 16 }
 * Event { time = 1, name = 2, attributes = 3 }
 */
import type { ConnectionRecord, LookupRecord } from '../../model.ts';
import type { Attribute } from '../semconv.ts';
import { encodePair } from './any-value.ts';
import { type AttributeWriter, compileAttributes } from './attribute-writer.ts';
import type { ByteBuffer } from './buffer.ts';
import { type EncodedBatch, ITEM, RequestWriter } from './request-writer.ts';
import type { CommonResource } from './resource.ts';
import type { Happened, SpanEvent } from './span-events.ts';
import { lonelySpanId, lookupSpanId, type TraceIds } from './trace-ids.ts';

export interface SpanWriterOptions extends CommonResource {
  readonly attributes: readonly Attribute<ConnectionRecord>[];
  readonly lookupAttributes?: readonly Attribute<LookupRecord>[];
}

const TRACE_ID = 0x0a;
const SPAN_ID = 0x12;
const PARENT_SPAN_ID = 0x22;
const NAME = 0x2a;
const KIND = 0x30;
const START_TIME = 0x39;
const END_TIME = 0x41;
const ATTRIBUTES = 0x4a;
const EVENTS = 0x5a;
const DROPPED_EVENTS = 0x60;
const STATUS = 0x7a;
const EVENT_TIME = 0x09;
const EVENT_NAME = 0x12;
const EVENT_ATTRIBUTES = 0x1a;

const kinds = { unknown: 1, server: 2, client: 3 } as const;
/** Status { code = 3: ERROR }; a success leaves it unset. */
const ERROR = Uint8Array.of(0x18, 2);
/** Field 16, fixed32: sampled. */
const FLAGS = Uint8Array.of(0x85, 0x01, 1, 0, 0, 0);

const utf8 = new TextEncoder();
const names = { tcp: utf8.encode('tcp connection'), udp: utf8.encode('udp flow') } as const;
const LOOKUP = utf8.encode('dns lookup');

export class SpanWriter {
  readonly #request: RequestWriter;
  readonly #writeAttributes: AttributeWriter<ConnectionRecord>;
  readonly #writeLookupAttributes: AttributeWriter<LookupRecord>;

  constructor(options: SpanWriterOptions) {
    this.#request = new RequestWriter(options);
    const { attributes, lookupAttributes = [] } = options;
    this.#writeAttributes = compileAttributes(attributes, ATTRIBUTES, this.#request.arena);
    this.#writeLookupAttributes = compileAttributes(lookupAttributes, ATTRIBUTES, this.#request.arena);
  }

  get count(): number {
    return this.#request.count;
  }

  /** Bytes that the request would have now; never less. */
  get size(): number {
    return this.#request.size;
  }

  /** Appends the span of a connection that ended with this record. */
  add(record: ConnectionRecord, ids: TraceIds, { events, dropped }: Happened): void {
    const { arena } = this.#request;
    const from = arena.position;
    const start = arena.begin(ITEM);
    writeIds(arena, record, ids);
    arena.delimited(NAME, names[record.transport]);
    arena.varint(KIND);
    arena.varint(kinds[record.role]);
    writeTime(arena, START_TIME, record.startTime);
    writeTime(arena, END_TIME, record.time);
    this.#writeAttributes(record);
    for (const event of events) writeEvent(arena, event);
    if (dropped > 0) {
      arena.varint(DROPPED_EVENTS);
      arena.varint(dropped);
    }
    if (record.errorType !== undefined) arena.delimited(STATUS, ERROR);
    arena.raw(FLAGS);
    arena.end(start);
    this.#request.commit(record.process, from);
  }

  /** Appends the span of the look-up that a connection came of: in the trace of the connection, beside the client's span. */
  addLookup(lookup: LookupRecord, connectionId: string, { trace }: TraceIds): void {
    const { arena } = this.#request;
    const from = arena.position;
    const start = arena.begin(ITEM);
    arena.delimited(TRACE_ID, trace);
    arena.delimited(SPAN_ID, lookupSpanId(connectionId));
    arena.delimited(NAME, LOOKUP);
    arena.varint(KIND);
    arena.varint(kinds.client);
    writeTime(arena, START_TIME, lookup.startTime);
    writeTime(arena, END_TIME, lookup.time);
    this.#writeLookupAttributes(lookup);
    if (lookup.errorType !== undefined) arena.delimited(STATUS, ERROR);
    arena.raw(FLAGS);
    arena.end(start);
    this.#request.commit(lookup.process, from);
  }

  take(): EncodedBatch {
    return this.#request.take();
  }
}

function writeIds(arena: ByteBuffer, { role, id, cookie }: ConnectionRecord, ids: TraceIds): void {
  arena.delimited(TRACE_ID, ids.trace);
  arena.delimited(SPAN_ID, role === 'unknown' ? lonelySpanId(id, cookie) : ids[role]);
  if (role === 'server') arena.delimited(PARENT_SPAN_ID, ids.client);
}

function writeTime(arena: ByteBuffer, tag: number, time: bigint): void {
  arena.varint(tag);
  arena.reserve(8);
  arena.view.setBigUint64(arena.position, time, true);
  arena.position += 8;
}

function writeEvent(arena: ByteBuffer, { name, time, attributes }: SpanEvent): void {
  const start = arena.begin(EVENTS);
  writeTime(arena, EVENT_TIME, time);
  arena.delimited(EVENT_NAME, utf8.encode(name));
  for (const [key, value] of attributes) arena.raw(encodePair(EVENT_ATTRIBUTES, key, value));
  arena.end(start);
}
