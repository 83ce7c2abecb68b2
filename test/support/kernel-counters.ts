/** What the kernel itself counted in a network namespace: the independent witness of the tests. */
import type { Namespace } from './netns.ts';

/** `Tcp.ActiveOpens`, `TcpExt.ListenOverflows`, `Udp.OutDatagrams` … */
export type Counters = Readonly<Record<string, number>>;

/** Pairs of lines, `Group: name name …` and `Group: value value …`. */
export function parseCounters(text: string): Counters {
  const counters: Record<string, number> = {};
  const lines = text.trim().split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [group = '', ...names] = (lines[i] ?? '').split(/\s+/);
    const values = (lines[i + 1] ?? '').split(/\s+/).slice(1);
    names.forEach((name, k) => {
      counters[group.replace(':', '.') + name] = Number(values[k]);
    });
  }
  return counters;
}

/** /proc/net is that of the process that reads it, so it has to be read by one inside. */
export async function readCounters(namespace: Namespace): Promise<Counters> {
  return parseCounters(await namespace.run('cat', ['/proc/net/snmp', '/proc/net/netstat']));
}

/** What was counted between two readings. */
export function difference(before: Counters, after: Counters): Counters {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));
}
