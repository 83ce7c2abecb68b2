/**
 * Where what was dialled really goes, when the packets did not say so in the record itself: told once, before the first
 * record of a connection, by the kernel when a SYN leaves, or by the host's connection tracking.
 */
import { LRUCache } from 'lru-cache';
import type { ConnectionRecord } from '../model.ts';
import { ipv4Text, ipv6Text } from './address.ts';
import { sfTranslation as at } from './wire.gen.ts';

/** Those of connections that live longest are forgotten first when there are more. */
const limit = 65_536;

export interface Translations {
  /** `record`: exactly one of struct sf_translation. */
  learn(record: DataView): void;
  /** Puts the true peer in the place of what was dialled, which stays as `natOriginal`. */
  apply(record: ConnectionRecord): void;
}

interface Peer {
  readonly address: string;
  readonly port: number;
  /** The socket may dial something else from now on; only a reset may still be told of what it was. */
  hasEnded: boolean;
}

export function createTranslations(): Translations {
  const peers = new LRUCache<bigint, Peer>({ max: limit });
  return {
    learn(record) {
      const address = record.byteOffset + at.address;
      const text =
        record.getUint8(at.family) === 6
          ? ipv6Text(new Uint8Array(record.buffer, address, 16))
          : ipv4Text(record.getUint32(at.address, true));
      const port = record.getUint16(at.port, true);
      peers.set(record.getBigUint64(at.cookie, true), { address: text, port, hasEnded: false });
    },
    apply(record) {
      if (peers.size === 0 || record.role !== 'client') return;
      const peer = peers.get(record.cookie);
      if (!peer || (peer.hasEnded && record.event !== 'reset')) return;
      record.natOriginal = { address: record.peerAddress, port: record.peerPort };
      record.peerAddress = peer.address;
      record.peerPort = peer.port;
      peer.hasEnded ||= record.end !== undefined;
    },
  };
}
