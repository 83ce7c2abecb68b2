/**
 * Both ends of a connection of this host, joined by its id, which is the same at both, whatever translates addresses in
 * between. The end that is told first does not know the other one yet: where the peer's address is one of this host it waits
 * a bounded time. What is not joined by then goes without.
 */
import { networkInterfaces } from 'node:os';
import { LRUCache } from 'lru-cache';
import type { ConnectionRecord, Process, Role } from '../model.ts';

export interface JoinOptions {
  /** Longest wait, milliseconds; 0: nothing waits. */
  readonly wait?: number;
  /** Records that may wait at a time; those that wait longest leave when there are more. */
  readonly mostWaiting?: number;
  /** Takes records, those that waited too, each connection's in order. */
  readonly emit: (records: ConnectionRecord[]) => void;
}

export interface Join {
  add(records: readonly ConnectionRecord[]): void;
  /** What waits leaves now. */
  flush(): void;
}

/** Connections remembered. The other end of those that are forgotten is not known, nothing else. */
const LIMIT = 65_536;
/** Addresses that are remembered: of this host, of all network namespaces, and translated ones that lead here. */
const MOST_ADDRESSES = 65_536;

interface End {
  readonly cookie: bigint;
  readonly role: Role;
  readonly peerAddress: string;
  process: Process | undefined;
  hasEnded: boolean;
}

interface Waiting {
  readonly records: ConnectionRecord[];
  readonly until: number;
}

export function createJoin({ wait = 100, mostWaiting = 65_536, emit }: JoinOptions): Join {
  const connections = new LRUCache<string, End[]>({ max: LIMIT });
  const addresses = new Set(ownAddresses());
  // In the order of their ends, since all wait equally long.
  const waiting = new Map<string, Waiting>();
  let held = 0;
  let timer: NodeJS.Timeout | undefined;

  const isOfThisHost = (address: string): boolean => address.startsWith('127.') || addresses.has(address);

  const remember = (address: string): void => {
    if (addresses.size < MOST_ADDRESSES) addresses.add(address);
  };

  /** Who the other end is, as far as it is known; remembers this one. */
  const meet = (record: ConnectionRecord): End | undefined => {
    const ends = connections.get(record.id);
    if (!ends) {
      connections.set(record.id, [endOf(record)]);
      return undefined;
    }
    const own = ends.find(({ cookie }) => cookie === record.cookie);
    if (own) {
      own.process = record.process;
      own.hasEnded ||= record.end !== undefined;
    } else addEnd(ends, endOf(record));
    if (ends.length === 2 && ends.every(({ hasEnded }) => hasEnded)) connections.delete(record.id);
    return ends.find((end) => end.cookie !== record.cookie && arePartners(end, record));
  };

  const leave = (id: string, other: Process | undefined, to: ConnectionRecord[]): void => {
    const entry = waiting.get(id);
    if (!entry) return;
    waiting.delete(id);
    held -= entry.records.length;
    for (const record of entry.records) {
      if (other) record.peerProcess = other;
      to.push(record);
    }
  };

  const keep = (record: ConnectionRecord): void => {
    let entry = waiting.get(record.id);
    if (!entry) {
      entry = { records: [], until: performance.now() + wait };
      waiting.set(record.id, entry);
    }
    entry.records.push(record);
    held++;
    timer ??= setTimeout(expire, wait);
  };

  const expire = (): void => {
    timer = undefined;
    const now = performance.now();
    const late: ConnectionRecord[] = [];
    for (const [id, { until }] of waiting) {
      if (until > now) {
        timer = setTimeout(expire, until - now);
        break;
      }
      leave(id, undefined, late);
    }
    if (late.length > 0) emit(late);
  };

  const addOne = (record: ConnectionRecord, out: ConnectionRecord[]): void => {
    if (record.localAddress !== '') remember(record.localAddress);
    const isHere = isOfThisHost(record.peerAddress);
    const neverWas = record.end?.established === false;
    if (neverWas || !(isHere || PRIVATE.test(record.peerAddress))) {
      out.push(record);
      return;
    }
    const other = meet(record);
    if (other) {
      remember(record.peerAddress);
      remember(other.peerAddress); // translated: it leads here all the same
      leave(record.id, record.process, out);
      if (other.process) record.peerProcess = other.process;
      out.push(record);
    } else if (wait > 0 && isHere) {
      keep(record);
      if (held > mostWaiting) leave(waiting.keys().next().value as string, undefined, out);
    } else out.push(record);
  };

  return {
    add(records) {
      const out: ConnectionRecord[] = [];
      for (const record of records) addOne(record, out);
      if (out.length > 0) emit(out);
    },
    flush() {
      clearTimeout(timer);
      timer = undefined;
      const all: ConnectionRecord[] = [];
      for (const id of [...waiting.keys()]) leave(id, undefined, all);
      if (all.length > 0) emit(all);
    },
  };
}

/** Ports of UDP come again, and its ids with them: who has ended makes room. Of a group one receiver is remembered. */
function addEnd(ends: End[], fresh: End): void {
  const old = ends.findIndex((end) => end.hasEnded && !arePartners(end, fresh));
  if (old >= 0) ends[old] = fresh;
  else if (ends.length < 2) ends.push(fresh);
}

function arePartners(one: { readonly role: Role }, other: { readonly role: Role }): boolean {
  return one.role === 'unknown' || other.role === 'unknown' || one.role !== other.role;
}

function endOf(record: ConnectionRecord): End {
  return {
    cookie: record.cookie,
    role: record.role,
    peerAddress: record.peerAddress,
    process: record.process,
    hasEnded: record.end !== undefined,
  };
}

/**
 * Private, shared and link-local addresses, and the groups of multicast: the other end may be here, behind a translation.
 * Public addresses are other hosts', unless they are this one's; what never was a connection has no other end.
 */
const PRIVATE =
  /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|2[23]\d\.|::1$|f[cdef])/;

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
}
