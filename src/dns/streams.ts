/** DNS over TCP: the pieces of each stream back to the messages that it carries, each behind two bytes of length. */
import { LRUCache } from 'lru-cache';
import type { DnsPacket } from '../capture/dns.ts';

/** Streams that are followed; the one that was quiet longest is given up. */
const STREAMS = 512;
/** Pieces that came ahead of their turn. */
const EARLY = 16;
/** A message has at most 65,535 bytes, and a piece 4,096. */
const LONGEST = 2 + 65_535 + 4_096;

export interface Streams {
  /** Whole messages that this piece completes. */
  add(packet: DnsPacket): DnsPacket[];
}

interface Stream {
  /** Place of the byte that is to come. */
  next: number;
  /** Begin of a message that is not whole yet. */
  begun: Uint8Array;
  readonly early: Map<number, Uint8Array>;
}

/** `onLost`: a stream had a hole that nothing filled; no more of it is read. */
export function createStreams(onLost: () => void): Streams {
  const streams = new LRUCache<string, Stream | 'lost'>({ max: STREAMS });
  return {
    add(packet) {
      const key = `${packet.cookie} ${packet.isAnswer}`;
      const stream = streams.get(key) ?? { next: 0, begun: new Uint8Array(0), early: new Map() };
      if (stream === 'lost') return [];
      streams.set(key, stream);
      take(stream, packet);
      const messages = cut(stream);
      if (stream.early.size <= EARLY && stream.begun.length <= LONGEST)
        return messages.map((bytes) => ({ ...packet, bytes }));
      streams.set(key, 'lost');
      onLost();
      return [];
    },
  };
}

/** Appends what continues the stream: the piece, and what waited for it. */
function take(stream: Stream, { position, bytes }: DnsPacket): void {
  const known = stream.next - position;
  if (known < 0) {
    stream.early.set(position, bytes);
    return;
  }
  if (known >= bytes.length) return; // sent again
  append(stream, bytes.subarray(known));
  for (const [place, piece] of stream.early) {
    if (place > stream.next) continue;
    stream.early.delete(place);
    take(stream, { position: place, bytes: piece } as DnsPacket);
    return;
  }
}

function append(stream: Stream, bytes: Uint8Array): void {
  const joined = new Uint8Array(stream.begun.length + bytes.length);
  joined.set(stream.begun);
  joined.set(bytes, stream.begun.length);
  stream.begun = joined;
  stream.next += bytes.length;
}

/** Takes the whole messages out. */
function cut(stream: Stream): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    const [high, low] = stream.begun.subarray(at, at + 2);
    if (high === undefined || low === undefined) break;
    const end = at + 2 + high * 256 + low;
    if (end > stream.begun.length) break;
    messages.push(stream.begun.slice(at + 2, end));
    at = end;
  }
  if (at > 0) stream.begun = stream.begun.slice(at);
  return messages;
}
