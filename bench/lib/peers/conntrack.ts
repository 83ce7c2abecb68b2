import { occurrences } from '../count.ts';
import { type Peer, runInside } from './peer.ts';
import { netfilterDrops } from './sockets.ts';

/** The kernel tracks connections only in a namespace where some rule asks for it. */
const RULE = 'table inet sockflow_bench { chain output { type filter hook output priority 0; ct state new accept; }; }';

/**
 * Events of the kernel's connection tracking, as text: one for each new connection and each change of its state; that a
 * connection is forgotten comes minutes after its end. It sees one network namespace, and there only what a rule tracks.
 * It knows no process and no container, nothing of connections that the kernel began to track before it; bytes only where
 * accounting is on (it is off). What it costs is mostly not its own: the kernel tracks each packet in the name of the load.
 *
 * It says that it lost events, not how many; the kernel's count for its socket does. The remedy that it names,
 * `--buffer-size`, is not among the settings here: version 1.4.7 sets it on another socket than the one with the events.
 */
function conntrack(...events: string[]): Peer {
  return {
    name: ['conntrack -E', ...events].join(' '),
    needs: { conntrack: 'conntrack', nft: 'nftables' },
    owner: false,
    bpf: false,
    holdsBackSeconds: 0,
    command: ['conntrack', '-E', ...events],
    prepare: (namespace) => runInside(namespace, 'nft', [RULE]),
    watches: ({ pid }) => netfilterDrops(pid) !== undefined,
    async count(file, port) {
      // The first addresses and ports of a line are those of who began it.
      const begun = `tcp [^=]*src=\\S+ dst=\\S+ sport=\\d+ dport=${port} `;
      const connections = await occurrences(file, new RegExp(`\\[NEW\\] ${begun}`, 'g'));
      const records = await occurrences(file, new RegExp(`\\] ${begun}`, 'g'));
      return { records, connections };
    },
    losses({ pid }) {
      const count = netfilterDrops(pid);
      return count === undefined ? undefined : { count, unit: 'events' };
    },
  };
}

export const allEvents = conntrack();

/** Begins alone: no end, no state, and a sixth of the events to lose. */
export const newConnections = conntrack('-e', 'NEW');
