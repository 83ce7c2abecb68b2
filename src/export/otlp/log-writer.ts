/**
 * Records to the bytes of an ExportLogsServiceRequest. It replaces the SDK's record and serializer (12–15 µs a record),
 * and otlp/sdk-logs.ts is the proof that both say the same.
 *
 * LogRecord { time = 1, severity_number = 2, severity_text = 3, attributes = 6, observed_time = 11, event_name = 12 }
 */
import type { ConnectionRecord, EventName, LookupRecord, Transport } from '../../model.ts';
import type { Attribute } from '../semconv.ts';
import { eventName, eventNames, severityNumber, severityText } from '../semconv.ts';
import { type AttributeWriter, compileAttributes } from './attribute-writer.ts';
import { ByteBuffer } from './buffer.ts';
import { IdentityWriter } from './identity-writer.ts';
import { type EncodedBatch, encodeText, ITEM, RequestWriter } from './request-writer.ts';
import type { CommonResource, Identity } from './resource.ts';

export type { EncodedBatch } from './request-writer.ts';

export interface LogWriterOptions extends CommonResource {
  readonly attributes: readonly Attribute<ConnectionRecord>[];
  /** Of look-ups of names. Default: none. */
  readonly lookupAttributes?: readonly Attribute<LookupRecord>[];
  /** Default `resource`: one for each process. With `record` there is one, the host's. */
  readonly identity?: Identity;
}

const TIME = 0x09;
const SEVERITY_NUMBER = 0x10;
const SEVERITY_TEXT = 0x1a;
const ATTRIBUTES = 0x32;
const OBSERVED_TIME = 0x59;
const EVENT_NAME = 0x62;

export class LogWriter {
  readonly #request: RequestWriter;
  readonly #writeAttributes: AttributeWriter<ConnectionRecord>;
  readonly #writeLookup: AttributeWriter<LookupRecord>;
  readonly #identity: IdentityWriter | undefined;
  readonly #heads = { tcp: encodeHeads('tcp'), udp: encodeHeads('udp') };

  constructor(options: LogWriterOptions) {
    this.#request = new RequestWriter(options, options.identity);
    const { arena } = this.#request;
    this.#writeAttributes = compileAttributes(options.attributes, ATTRIBUTES, arena);
    this.#writeLookup = compileAttributes(options.lookupAttributes ?? [], ATTRIBUTES, arena);
    if (options.identity === 'record') this.#identity = new IdentityWriter(options, ATTRIBUTES, arena);
  }

  /** Records since the last `take`. */
  get count(): number {
    return this.#request.count;
  }

  /** Bytes that the request would have now; never less. */
  get size(): number {
    return this.#request.size;
  }

  /** Appends one record. `observed`: when it came here, UNIX nanoseconds. */
  add(record: ConnectionRecord, observed: bigint): void {
    this.#add(record, observed, this.#writeAttributes);
  }

  addLookup(lookup: LookupRecord, observed: bigint): void {
    this.#add(lookup, observed, this.#writeLookup);
  }

  #add<Kind extends ConnectionRecord | LookupRecord>(
    record: Kind,
    observed: bigint,
    writeAttributes: AttributeWriter<Kind>,
  ): void {
    const { arena } = this.#request;
    const from = arena.position;
    const head = this.#heads[record.transport][severityNumber(record)][record.event];
    const start = arena.begin(ITEM);
    arena.reserve(head.length + 18);
    arena.bytes[start] = TIME;
    arena.view.setBigUint64(start + 1, record.time, true);
    arena.bytes[start + 9] = OBSERVED_TIME;
    arena.view.setBigUint64(start + 10, observed, true);
    arena.bytes.set(head, start + 18);
    arena.position = start + 18 + head.length;
    writeAttributes(record);
    this.#identity?.write(record.process);
    arena.end(start);
    this.#request.commit(record.process, from);
  }

  /** The request with all records since the last call, and begins anew. */
  take(): EncodedBatch {
    this.#identity?.reset();
    return this.#request.take();
  }
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
