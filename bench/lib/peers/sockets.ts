/** What the kernel tells of the sockets that others watch with. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Whether a socket of this process takes packets. */
export function takesPackets(pid: number): boolean {
  return rowsOf(pid, 'packet').some(({ R }) => R === '1');
}

const NETFILTER = '12';

/** What the kernel dropped of the events that this process has subscribed to at netfilter; undefined before it has. */
export function netfilterDrops(pid: number): number | undefined {
  const subscribers = rowsOf(pid, 'netlink').filter(
    ({ Eth, Groups }) => Eth === NETFILTER && Number(`0x${Groups}`) > 0,
  );
  return subscribers.length === 0 ? undefined : subscribers.reduce((sum, { Drops }) => sum + Number(Drops), 0);
}

/** The process's own rows of a table of /proc/PID/net: fields by the names in the first line. */
function rowsOf(pid: number, table: string): Record<string, string>[] {
  const own = socketsOf(pid);
  const [head = '', ...lines] = readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trimEnd().split('\n');
  const names = head.trim().split(/\s+/);
  const rows = lines.map((line) => {
    const fields = line.trim().split(/\s+/);
    return Object.fromEntries(names.map((name, i) => [name, fields[i] ?? '']));
  });
  return rows.filter(({ Inode = '' }) => own.has(Inode));
}

/** Inodes, as /proc/PID/net has them. */
function socketsOf(pid: number): Set<string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
