/**
 * Items of many processes to the bytes of one Export…ServiceRequest, one Resource… for each observed process. An item is
 * encoded as it comes, into one arena, so that it dies young; the request is put together when the batch is cut. Logs and
 * spans have the same shape:
 *
 * Export…ServiceRequest { resource_… = 1 }
 * Resource… { resource = 1, scope_… = 2, schema_url = 3 }
 * Scope… { scope = 1, items = 2, schema_url = 3 }
 */
import type { Process } from '../../model.ts';
import { schemaUrl, scopeName } from '../semconv.ts';
import { BatchMemory } from './batch-memory.ts';
import { ByteBuffer, varintSize } from './buffer.ts';
import {
  type CommonResource,
  createHostResourceWriter,
  createResourceWriter,
  type Identity,
  type ResourceWriter,
} from './resource.ts';

/** A request that is ready to be sent, and the number of items in it. */
export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** To be called when nobody has the bytes any more, if ever: their memory is used again. */
  readonly giveBack?: (() => void) | undefined;
}

/** Field of an item in its scope. */
export const ITEM = 0x12;
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

export class RequestWriter {
  /** Items since the last `take`. */
  count = 0;
  /** Where items are written, each in the field `ITEM`. */
  readonly arena = new ByteBuffer(256 * 1024);
  readonly #memory = new BatchMemory();
  readonly #resources = new ByteBuffer(64 * 1024);
  /** One resource for all processes. */
  readonly #isOne: boolean;
  readonly #writeResource: ResourceWriter;
  readonly #scope: Uint8Array;
  readonly #schema = encodeText(THIRD, schemaUrl);
  #groups = new Map<Process | undefined, Group>();
  #envelopes = 0;
  #lastProcess: Process | undefined;
  #lastGroup: Group | undefined;

  constructor(resource: CommonResource, identity: Identity = 'resource') {
    this.#isOne = identity === 'record';
    this.#writeResource = (this.#isOne ? createHostResourceWriter : createResourceWriter)(resource, this.#resources);
    this.#scope = encodeScope(resource.host.agentVersion);
  }

  /** Bytes that the request would have now; never less. */
  get size(): number {
    return this.arena.position + this.#resources.position + this.#envelopes;
  }

  /** What was written into the arena from `start` on is an item of this process. */
  commit(process: Process | undefined, start: number): void {
    const group = this.#groupOf(this.#isOne ? undefined : process);
    const end = this.arena.position;
    group.size += end - start;
    if (group.end === start) group.runs[group.runs.length - 1] = end;
    else group.runs.push(start, end);
    group.end = end;
    this.count++;
  }

  /** The request with all items since the last call, and begins anew. */
  take(): EncodedBatch {
    const bytes = this.#assemble();
    const batch = { bytes, count: this.count, giveBack: () => this.#memory.giveBack(bytes) };
    this.count = 0;
    this.arena.position = 0;
    this.#resources.position = 0;
    this.#envelopes = 0;
    this.#groups = new Map();
    this.#lastGroup = undefined;
    return batch;
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

  /** As it is: the transport gets this memory without a copy. */
  #assemble(): Uint8Array<ArrayBuffer> {
    let size = 0;
    for (const group of this.#groups.values()) size += messageSize(this.#resourceLogsSize(group));
    const out = new ByteBuffer(this.#memory.take(size));
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
      out.raw(this.arena.bytes.subarray(runs[index] as number, runs[index + 1] as number));
  }
}

/** Tag, length and content. */
function messageSize(content: number): number {
  return 1 + varintSize(content) + content;
}

function encodeScope(version: string): Uint8Array {
  const scope = new ByteBuffer(64);
  scope.raw(encodeText(FIRST, scopeName));
  scope.raw(encodeText(SECOND, version));
  const out = new ByteBuffer(64);
  out.delimited(FIRST, scope.take());
  return out.take();
}

/** A text in the field `tag`. */
export function encodeText(tag: number, text: string): Uint8Array {
  const out = new ByteBuffer(64);
  out.delimited(tag, new TextEncoder().encode(text));
  return out.take();
}
