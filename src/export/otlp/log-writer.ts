/**
 * Records to the bytes of an ExportLogsServiceRequest, one ResourceLogs for each observed process. A record is encoded
 * as it comes, into one arena, so that it dies young; the request is put together when the batch is cut. It replaces
 * the SDK's record and serializer (12–15 µs a record), and otlp/sdk-logs.ts is the proof that both say the same.
 *
 * ExportLogsServiceRequest { resource_logs = 1 }
 * ResourceLogs { resource = 1, scope_logs = 2, schema_url = 3 }
 * ScopeLogs { scope = 1, log_records = 2, schema_url = 3 }
 * LogRecord { time = 1, severity_number = 2, severity_text = 3, attributes = 6, observed_time = 11, event_name = 12 }
 */
import type { ConnectionRecord, EventName, Process, Transport } from '../../model.ts';
import type { Attribute } from '../semconv.ts';
import { eventName, eventNames, schemaUrl, scopeName, severityNumber, severityText } from '../semconv.ts';
import { type AttributeWriter, compileAttributes } from './attribute-writer.ts';
import { ByteBuffer, varintSize } from './buffer.ts';
import { type CommonResource, createResourceWriter, type ResourceWriter } from './resource.ts';

/** A request that is ready to be sent, and the number of records in it. */
export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

export interface LogWriterOptions extends CommonResource {
  readonly attributes: readonly Attribute<ConnectionRecord>[];
}

const TIME = 0x09;
const SEVERITY_NUMBER = 0x10;
const SEVERITY_TEXT = 0x1a;
const ATTRIBUTES = 0x32;
const OBSERVED_TIME = 0x59;
const EVENT_NAME = 0x62;
const FIRST = 0x0a;
const SECOND = 0x12;
const THIRD = 0x1a;

/** Tags and lengths around a process's records, at most: three messages. */
const ENVELOPE = 18;

/** What is sent for one process, as places in the two arenas; of its records, pairs of start and end. */
interface Group {
  readonly resourceStart: number;
  readonly resourceEnd: number;
  readonly runs: number[];
  /** End of the last run. */
  end: number;
  size: number;
}

export class LogWriter {
  /** Records since the last `take`. */
  count = 0;
  readonly #arena = new ByteBuffer(256 * 1024);
  readonly #writeAttributes: AttributeWriter<ConnectionRecord>;
  readonly #resources = new ByteBuffer(64 * 1024);
  readonly #writeResource: ResourceWriter;
  readonly #heads = { tcp: encodeHeads('tcp'), udp: encodeHeads('udp') };
  readonly #scope: Uint8Array;
  readonly #schema = encodeText(THIRD, schemaUrl);
  #groups = new Map<Process | undefined, Group>();
  #envelopes = 0;
  #lastProcess: Process | undefined;
  #lastGroup: Group | undefined;

  constructor(options: LogWriterOptions) {
    this.#writeAttributes = compileAttributes(options.attributes, ATTRIBUTES, this.#arena);
    this.#writeResource = createResourceWriter(options, this.#resources);
    this.#scope = encodeScope(options.host.agentVersion);
  }

  /** Bytes that the request would have now; never less. */
  get size(): number {
    return this.#arena.position + this.#resources.position + this.#envelopes;
  }

  /** Appends one record. `observed`: when it came here, UNIX nanoseconds. */
  add(record: ConnectionRecord, observed: bigint): void {
    const start = this.#arena.position;
    this.#writeRecord(record, observed);
    const group = this.#groupOf(record.process);
    const end = this.#arena.position;
    group.size += end - start;
    if (group.end === start) group.runs[group.runs.length - 1] = end;
    else group.runs.push(start, end);
    group.end = end;
    this.count++;
  }

  /** The request with all records since the last call, and begins anew. */
  take(): EncodedBatch {
    const batch = { bytes: this.#assemble(), count: this.count };
    this.count = 0;
    this.#arena.position = 0;
    this.#resources.position = 0;
    this.#envelopes = 0;
    this.#groups = new Map();
    this.#lastGroup = undefined;
    return batch;
  }

  #writeRecord(record: ConnectionRecord, observed: bigint): void {
    const arena = this.#arena;
    const head = this.#heads[record.transport][severityNumber(record)][record.event];
    const start = arena.begin(SECOND);
    arena.reserve(head.length + 18);
    arena.bytes[start] = TIME;
    arena.view.setBigUint64(start + 1, record.time, true);
    arena.bytes[start + 9] = OBSERVED_TIME;
    arena.view.setBigUint64(start + 10, observed, true);
    arena.bytes.set(head, start + 18);
    arena.position = start + 18 + head.length;
    this.#writeAttributes(record);
    arena.end(start);
  }

  #groupOf(process: Process | undefined): Group {
    if (this.#lastGroup !== undefined && this.#lastProcess === process) return this.#lastGroup;
    let group = this.#groups.get(process);
    if (group === undefined) {
      group = this.#createGroup(process);
      this.#groups.set(process, group);
    }
    this.#lastProcess = process;
    this.#lastGroup = group;
    return group;
  }

  /** The resource is encoded once a batch, not once a process: the names of users may arrive after the first record. */
  #createGroup(process: Process | undefined): Group {
    const resourceStart = this.#resources.position;
    this.#writeResource(process);
    this.#envelopes += this.#scope.length + 2 * this.#schema.length + ENVELOPE;
    return { resourceStart, resourceEnd: this.#resources.position, runs: [], end: -1, size: 0 };
  }

  /** Of exactly the size that it takes, so that the transport can have its memory without a copy. */
  #assemble(): Uint8Array<ArrayBuffer> {
    let size = 0;
    for (const group of this.#groups.values()) size += messageSize(this.#resourceLogsSize(group));
    const out = new ByteBuffer(size);
    for (const group of this.#groups.values()) this.#writeGroup(group, out);
    return out.bytes;
  }

  #scopeLogsSize({ size }: Group): number {
    return this.#scope.length + size + this.#schema.length;
  }

  #resourceLogsSize(group: Group): number {
    return group.resourceEnd - group.resourceStart + messageSize(this.#scopeLogsSize(group)) + this.#schema.length;
  }

  #writeGroup(group: Group, out: ByteBuffer): void {
    out.varint(FIRST);
    out.varint(this.#resourceLogsSize(group));
    out.raw(this.#resources.bytes.subarray(group.resourceStart, group.resourceEnd));
    out.varint(SECOND);
    out.varint(this.#scopeLogsSize(group));
    out.raw(this.#scope);
    this.#copyRuns(group.runs, out);
    // Field 3 is the schema URL of ScopeLogs as well as of ResourceLogs.
    out.raw(this.#schema);
    out.raw(this.#schema);
  }

  #copyRuns(runs: readonly number[], out: ByteBuffer): void {
    for (let index = 0; index < runs.length; index += 2)
      out.raw(this.#arena.bytes.subarray(runs[index] as number, runs[index + 1] as number));
  }
}

/** Tag, length and content. */
function messageSize(content: number): number {
  return 1 + varintSize(content) + content;
}

type Heads = Readonly<Record<EventName, Uint8Array>>;

/** Severity and event name: the constant part of a record, by severity. */
function encodeHeads(transport: Transport): { readonly 9: Heads; readonly 13: Heads } {
  return { 9: encodeHeadsOf(transport, 9), 13: encodeHeadsOf(transport, 13) };
}

function encodeHeadsOf(transport: Transport, severity: 9 | 13): Heads {
  const events = Object.keys(eventNames) as EventName[];
  const entries = events.map((event) => {
    const name = eventName({ event, transport });
    const out = new ByteBuffer(64);
    out.raw(Uint8Array.of(SEVERITY_NUMBER, severity));
    out.raw(encodeText(SEVERITY_TEXT, severityText[severity]));
    out.raw(encodeText(EVENT_NAME, name));
    return [event, out.take()];
  });
  return Object.fromEntries(entries);
}

function encodeScope(version: string): Uint8Array {
  const scope = new ByteBuffer(64);
  scope.raw(encodeText(FIRST, scopeName));
  scope.raw(encodeText(SECOND, version));
  const out = new ByteBuffer(64);
  out.delimited(FIRST, scope.take());
  return out.take();
}

function encodeText(tag: number, text: string): Uint8Array {
  const out = new ByteBuffer(64);
  out.delimited(tag, new TextEncoder().encode(text));
  return out.take();
}
