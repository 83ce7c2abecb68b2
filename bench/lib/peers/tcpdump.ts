import { distinct, occurrences } from '../count.ts';
import type { Peer } from './peer.ts';
import { takesPackets } from './sockets.ts';

/** Begin and end, nothing between: as cheap as a capture can be that still tells of each connection. */
const FILTER = 'tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0';

/** It takes packets from the kernel by the block, and an unfinished block after a second. */
const BLOCK_SECONDS = 1.2;

/**
 * Packets with SYN, FIN or RST, a line each, without names. It sees the interface it is given, in one network namespace. It
 * knows no connection, only packets: to join them, and to tell a retransmission from a new connection, is left to the reader. No
 * process and no container, no bytes (but by sequence numbers), nothing of connections that began before it until they end.
 */
export const tcpdump: Peer = {
  name: 'tcpdump, SYN, FIN and RST',
  needs: { tcpdump: 'tcpdump' },
  owner: false,
  bpf: false,
  holdsBackSeconds: BLOCK_SECONDS,
  // Debian's gives up root; a process that changes its user is no longer tied to the bench.
  command: ['tcpdump', '-Z', 'root', '-i', 'lo', '-nn', FILTER],
  watches: ({ pid, said }) => takesPackets(pid) && said().includes('listening on'),
  async count(file, port) {
    const address = '[\\d.]+';
    const syn = new RegExp(`IP (${address}) > (${address}\\.${port}): Flags \\[S\\], seq (\\d+)`, 'g');
    const all = new RegExp(`IP (?:${address} > ${address}\\.${port}|${address}\\.${port} > ${address}): Flags`, 'g');
    return { records: await occurrences(file, all), connections: await distinct(file, syn) };
  },
  saidLosses(said) {
    const count = /(\d+) packets dropped by kernel/.exec(said)?.[1];
    return count === undefined ? undefined : { count: Number(count), unit: 'packets' };
  },
};
