import type { DnsPacket } from '../../src/capture/dns.ts';

/** A datagram of a socket that asks 10.0.0.53, as it comes from the kernel. */
export function dnsPacket(changes: Partial<DnsPacket> = {}): DnsPacket {
  return {
    isAnswer: false,
    transport: 'udp',
    time: 1_000n,
    cookie: 1n,
    networkNamespace: 1,
    pid: 0,
    serial: 0,
    serverAddress: '10.0.0.53',
    serverPort: 53,
    position: 0,
    isCut: false,
    bytes: new Uint8Array(0),
    ...changes,
  };
}
