import { objectsOf } from '../../../test/support/bpf.ts';
import { occurrences } from '../count.ts';
import type { Peer } from './peer.ts';

/** It needs tracefs, which may be mounted for it alone. */
const TRACEFS =
  'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing || exit 1; exec tcplife';

/**
 * BPF at one tracepoint. A line for each end when a TCP socket reaches CLOSE: process, addresses, KiB each way, duration.
 * It does not tell of connections that live, or were there before it, who closed and why, of UDP or containers. What it lost
 * it says whenever it was too slow.
 */
export const tcplife: Peer = {
  name: 'tcplife',
  needs: { tcplife: 'libbpf-tools' },
  owner: true,
  bpf: true,
  holdsBackSeconds: 0,
  command: ['unshare', '--mount', 'sh', '-c', TRACEFS],
  watches: ({ pid }) => objectsOf(pid).link.size > 0,
  /** PID COMM LADDR LPORT RADDR RPORT TX_KB RX_KB MS; names may have spaces in them. */
  async count(file, port) {
    const address = '[\\d.]+';
    const ends = `(?:${port} +${address} +\\d+|\\d+ +${address} +${port})`;
    const records = await occurrences(file, new RegExp(` ${address} +${ends} +[\\d.]+ +[\\d.]+ +[\\d.]+$`, 'gm'));
    return { records, connections: records / 2 };
  },
  saidLosses(said) {
    const counts = [...said.matchAll(/^lost (\d+) events on CPU/gm)].map(([, count]) => Number(count));
    return { count: counts.reduce((sum, count) => sum + count, 0), unit: 'events' };
  },
};
