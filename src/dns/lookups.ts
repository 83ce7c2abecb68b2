/** Questions and their answers: who asked what, how long it took, and how it failed. */
import type { DnsPacket } from '../capture/dns.ts';
import type { LookupError, LookupRecord, Process } from '../model.ts';
import type { Message } from './message.ts';

/** Questions that wait for an answer; when there are more, the oldest one is given up and counted. */
const MOST_PENDING = 16_384;
/** What resolvers wait before they ask again or give up (resolv.conf: timeout). */
export const PATIENCE_NS = 5_000_000_000n;

export interface LookupsOptions {
  readonly findProcess: (pid: number, serial: number) => Process | undefined;
  readonly onEnd: (lookup: LookupRecord) => void;
  /** An answer that nobody asked for, one that came late, or that came twice. */
  readonly onStray: () => void;
  /** A question that there was no room for. */
  readonly onForgotten: () => void;
}

export interface Lookups {
  ask(packet: DnsPacket, message: Message): void;
  /** The look-up that it ends; undefined when nobody asked. */
  answer(packet: DnsPacket, message: Message): LookupRecord | undefined;
  /** Ends what was asked before `now` minus the patience (UNIX nanoseconds). */
  expire(now: bigint): void;
}

interface Pending {
  readonly packet: DnsPacket;
  readonly message: Message;
}

export function createLookups({ findProcess, onEnd, onStray, onForgotten }: LookupsOptions): Lookups {
  /** In the order in which they were asked. */
  const pending = new Map<string, Pending>();

  const end = ({ packet, message }: Pending, time: bigint, error: LookupError | undefined): LookupRecord => {
    const lookup: LookupRecord = {
      event: 'dns',
      time,
      startTime: packet.time,
      transport: packet.transport,
      networkType: packet.serverAddress.includes(':') ? 'ipv6' : 'ipv4',
      peerAddress: packet.serverAddress,
      peerPort: packet.serverPort,
      networkNamespace: packet.networkNamespace,
      cookie: packet.cookie,
      process: findProcess(packet.pid, packet.serial),
      questionName: message.question.name,
      questionType: typeName(message.question.type),
      errorType: error,
    };
    onEnd(lookup);
    return lookup;
  };

  const forgetOldest = (): void => {
    for (const key of pending.keys()) {
      pending.delete(key);
      onForgotten();
      return;
    }
  };

  return {
    ask(packet, message) {
      const key = keyOf(packet, message);
      // The same question again: it is still the first one that waits.
      if (pending.has(key)) return;
      if (pending.size >= MOST_PENDING) forgetOldest();
      pending.set(key, { packet, message });
    },
    answer(packet, message) {
      const key = keyOf(packet, message);
      const question = pending.get(key);
      if (!question) {
        onStray();
        return undefined;
      }
      pending.delete(key);
      return end(question, packet.time, errors[message.code] ?? (message.code === 0 ? undefined : '_OTHER'));
    },
    expire(now) {
      for (const [key, question] of pending) {
        if (now - question.packet.time < PATIENCE_NS) return;
        pending.delete(key);
        end(question, question.packet.time + PATIENCE_NS, 'timeout');
      }
    },
  };
}

/** One socket may ask for several types of one name under one id. */
function keyOf({ cookie }: DnsPacket, { id, question }: Message): string {
  return `${cookie} ${id} ${question.type} ${question.name}`;
}

const errors: Readonly<Record<number, LookupError>> = {
  1: 'formerr',
  2: 'servfail',
  3: 'nxdomain',
  4: 'notimp',
  5: 'refused',
};

const types: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  64: 'SVCB',
  65: 'HTTPS',
  255: 'ANY',
};

/** RFC 3597 for those that have no name here. */
function typeName(type: number): string {
  return types[type] ?? `TYPE${type}`;
}
