/** Decodes what went to or came from port 53 (struct sf_dns). */
import { ipv4Text, ipv6Text } from './address.ts';
import { sfDns as at, sfDnsEvent } from './wire.gen.ts';

/** A DNS message, or of TCP a piece of the stream that has them. */
export interface DnsPacket {
  readonly isAnswer: boolean;
  readonly transport: 'tcp' | 'udp';
  readonly time: bigint;
  /** The kernel's, of the socket that asks. */
  readonly cookie: bigint;
  readonly networkNamespace: number;
  /** Who asks: pid and number of the description; 0 in answers. */
  readonly pid: number;
  readonly serial: number;
  readonly serverAddress: string;
  readonly serverPort: number;
  /** TCP: place of the first byte in the stream. */
  readonly position: number;
  /** More of the datagram was left behind. */
  readonly isCut: boolean;
  /** Its own memory. */
  readonly bytes: Uint8Array;
}

const TCP = 6;

/** `record` holds exactly one record. */
export function decodeDns(record: DataView): DnsPacket {
  const serverAddress = new Uint8Array(record.buffer, record.byteOffset + at.serverAddress, 16);
  const transport = record.getUint8(at.protocol) === TCP ? 'tcp' : 'udp';
  const bytes = new Uint8Array(record.buffer, record.byteOffset + at.size, record.byteLength - at.size).slice();
  return {
    isAnswer: record.getUint8(at.event) === sfDnsEvent.answer,
    transport,
    time: record.getBigUint64(at.timeNs, true),
    cookie: record.getBigUint64(at.cookie, true),
    networkNamespace: record.getUint32(at.netns, true),
    pid: record.getUint32(at.pid, true),
    serial: record.getUint32(at.process, true),
    serverAddress:
      record.getUint8(at.family) === 4 ? ipv4Text(record.getUint32(at.serverAddress, true)) : ipv6Text(serverAddress),
    serverPort: record.getUint16(at.serverPort, true),
    position: record.getUint32(at.position, true),
    isCut: transport === 'udp' && record.getUint32(at.packetSize, true) > bytes.length,
    bytes,
  };
}
