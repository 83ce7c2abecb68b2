/** Messages as ntopng of any version takes them: two frames, of which the second has many flows, but not too many. */
import type { Flow } from './flow.ts';

/** How a flow is written. */
export interface Encoding {
  /** Of the message, as its header has it. */
  readonly version: Version;
  /** Before the first flow, between two, behind the last one. */
  readonly head: Buffer;
  readonly separator: Buffer;
  readonly tail: Buffer;
  /** Writes a flow from `at` on. Returns where it ends, or -1 when it does not fit. */
  readonly write: (flow: Flow, target: Buffer, at: number) => number;
}

/** 2: JSON, 3: TLV. */
export type Version = 2 | 3;

export type Topic = 'flow' | 'event' | 'listening-ports';

export interface Payload {
  readonly bytes: Buffer;
  readonly flows: number;
  /** What these flows stand for. */
  readonly records: number;
}

/** ntopng counts them in a byte, and up to 4.2 takes 32 KiB. */
export const MOST_FLOWS = 200;
export const MOST_BYTES = 30 * 1024;

const HEADER_SIZE = 24;
const TOPIC_SIZE = 16;

/** Topics as subscribers compare them. */
export function topicBytes(topic: Topic): Buffer {
  const bytes = Buffer.alloc(TOPIC_SIZE);
  bytes.write(topic);
  return bytes;
}

/** The first frame. `source`: of this agent, 1 to 255; `id`: counts the messages of a source, from 1 on. */
export function createHeader(topic: Topic, version: Version, source: number, size: number, id: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.write(topic);
  header.writeUInt8(version, 16);
  header.writeUInt8(source, 17);
  // Nobody reads it.
  header.writeUInt16BE(size & 0xffff, 18);
  header.writeUInt32BE(id >>> 0, 20);
  return header;
}

/** Fills messages with flows. */
export class Packer {
  readonly #encoding: Encoding;
  readonly #target = Buffer.alloc(MOST_BYTES);
  #at: number;
  #flows = 0;
  #records = 0;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
    this.#at = encoding.head.copy(this.#target);
  }

  /** Packs flows; calls back for each full message, and for each flow that is too large for any. */
  pack(flows: Iterable<Flow>, onPayload: (payload: Payload) => void, onTooLarge: (flow: Flow) => void): void {
    for (const flow of flows) {
      if (this.#add(flow)) continue;
      if (this.#flows > 0) onPayload(this.#take());
      if (!this.#add(flow)) onTooLarge(flow);
    }
    if (this.#flows > 0) onPayload(this.#take());
  }

  /** False: there is no room. */
  #add(flow: Flow): boolean {
    if (this.#flows === MOST_FLOWS) return false;
    const { separator, tail, write } = this.#encoding;
    const begin = this.#at + (this.#flows > 0 ? separator.length : 0);
    const end = write(flow, this.#target, begin);
    if (end < 0 || end + tail.length > this.#target.length) return false;
    if (this.#flows > 0) separator.copy(this.#target, this.#at);
    this.#at = end;
    this.#flows++;
    this.#records += flow.records;
    return true;
  }

  #take(): Payload {
    const { head, tail } = this.#encoding;
    const end = this.#at + tail.copy(this.#target, this.#at);
    // A copy: the socket keeps what it is given.
    const payload = { bytes: Buffer.from(this.#target.subarray(0, end)), flows: this.#flows, records: this.#records };
    this.#at = head.length;
    this.#flows = 0;
    this.#records = 0;
    return payload;
  }
}
