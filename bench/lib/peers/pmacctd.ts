import { settled } from '../../../test/support/processes.ts';
import { distinct, occurrences } from '../count.ts';
import type { Peer } from './peer.ts';
import { takesPackets } from './sockets.ts';

/** How often it writes what it has gathered; it can do no better than its period. */
const REFRESH_SECONDS = 5;
const FIELDS = 'src_host,dst_host,src_port,dst_port,proto';

/**
 * Accounts packets taken off an interface, to flows: a line for each direction of a connection that had packets in a period,
 * with packets and bytes. It sees the interface it is given, in one network namespace. It knows no process and no container, no
 * begin and no end of a connection, no state and no reason, no retransmission; that two lines are of one connection is for the
 * reader to find out. How many packets it lost it says only when asked by a signal.
 */
export const pmacctd: Peer = {
  name: `pmacctd, every ${REFRESH_SECONDS} s`,
  needs: { pmacctd: 'pmacct' },
  owner: false,
  bpf: false,
  holdsBackSeconds: REFRESH_SECONDS,
  command: ['pmacctd', '-i', 'lo', '-c', FIELDS, '-P', 'print', '-r', `${REFRESH_SECONDS}`, '-O', 'csv'],
  // One process takes the packets, another one gathers: that one says when it has its memory.
  watches: ({ pid, said }) => takesPackets(pid) && said().includes('cache entries='),
  async count(file, port) {
    // SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,PACKETS,BYTES
    const begun = new RegExp(`^([\\d.]+),([\\d.]+),(\\d+),${port},tcp,`, 'gm');
    const all = new RegExp(`^[\\d.]+,[\\d.]+,(?:\\d+,${port}|${port},\\d+),tcp,`, 'gm');
    return { records: await occurrences(file, all), connections: await distinct(file, begun) };
  },
  async losses({ pid, said }) {
    process.kill(pid, 'SIGUSR1');
    const count = await settled(() => /dropped_packets=(\d+)/.exec(said())?.[1], Boolean);
    return count === undefined ? undefined : { count: Number(count), unit: 'packets' };
  },
};
