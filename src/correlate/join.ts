/**
 * Both ends of a connection of this host, joined by its id, which is the same at both, whatever translates addresses in
 * between. The end that is told first does not know the other one yet: where the peer's address is one of this host it
 * waits a bounded time. What is not joined by then goes without.
 *
 * The wait is measured by the times of the records, so that a backlog parts nobody; a timer ends it only in silence.
 */
import { networkInterfaces } from 'node:os';
import { LRUCache } from 'lru-cache';
import type { ConnectionRecord, EventName, Process, Role } from '../model.ts';
import { RecentMap } from '../recent.ts';

export interface JoinOptions {
  /** Longest wait, milliseconds. */
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
/** Connections that are over: a reset may be told of behind the end. */
const RECENT = 4_096;
/** Addresses that are remembered: of this host, of all network namespaces, and translated ones that lead here. */
const MOST_ADDRESSES = 65_536;
const MILLISECOND = 1_000_000n;

interface End {
  readonly cookie: bigint;
  readonly role: Role;
  readonly peerAddress: string;
  process: Process | undefined;
  hasEnded: boolean;
  /** In vain: what comes later does not wait again. */
  hasWaited: boolean;
}

interface Waiting {
  readonly end: End;
  readonly records: ConnectionRecord[];
  /** UNIX time in nanoseconds. */
  readonly until: bigint;
}

export function createJoin({ wait = 100, mostWaiting = 16_384, emit }: JoinOptions): Join {
  const connections = new RecentMap<string, readonly End[]>(LIMIT);
  const recent = new RecentMap<string, readonly End[]>(RECENT);
  const addresses = new Set(ownAddresses());
  /** Where one has waited in vain: nobody of this host is there. */
  const elsewhere = new LRUCache<string, true>({ max: MOST_ADDRESSES });
  // By connection, in the order in which they came, which is that of their deadlines.
  const waiting = new Map<string, Waiting>();
  const longest = BigInt(wait) * MILLISECOND;
  let held = 0;
  let newest = 0n;
  let timer: NodeJS.Timeout | undefined;

  const remember = (address: string): void => {
    if (addresses.size < MOST_ADDRESSES) addresses.add(address);
  };

  /**
   * Services and published ports lead to containers, most of them of this host, and who comes from a private address may be
   * one whose own is hidden: the first one of each address waits, too.
   */
  const leadsHere = ({ natOriginal, role, peerAddress }: ConnectionRecord): boolean =>
    (natOriginal !== undefined || role === 'server') && !elsewhere.has(peerAddress);

  /** This end, and the other one as far as it is known. */
  const meet = (record: ConnectionRecord): [own: End, other: End | undefined] => {
    const known =
      connections.get(record.id) ?? (comesBehind.has(record.event) ? recent.get(record.id) : undefined) ?? [];
    const found = known.find(({ cookie }) => cookie === record.cookie);
    const [own, ends] = found ? [found, known] : addEnd(known, record);
    own.process = record.process ?? own.process;
    own.hasEnded ||= record.end !== undefined;
    const isOver = ends.length === 2 && ends.every(({ hasEnded }) => hasEnded);
    if (isOver) connections.delete(record.id);
    (isOver ? recent : connections).set(record.id, ends);
    return [own, ends.find((end) => end !== own && arePartners(end, own))];
  };

  const leave = (id: string, other: Process | undefined, to: ConnectionRecord[]): void => {
    const entry = waiting.get(id);
    if (!entry) return;
    waiting.delete(id);
    held -= entry.records.length;
    entry.end.hasWaited = true;
    if (!other) elsewhere.set(entry.end.peerAddress, true);
    for (const record of entry.records) {
      if (other) record.peerProcess = other;
      to.push(record);
    }
  };

  const leaveDue = (now: bigint, to: ConnectionRecord[]): void => {
    for (const [id, { until }] of waiting) {
      if (until > now && held <= mostWaiting) return;
      leave(id, undefined, to);
    }
  };

  const keep = (record: ConnectionRecord, end: End): void => {
    const entry = waiting.get(record.id) ?? { end, records: [], until: record.time + longest };
    waiting.set(record.id, entry);
    entry.records.push(record);
    held++;
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const all: ConnectionRecord[] = [];
    for (const id of [...waiting.keys()]) leave(id, undefined, all);
    if (all.length > 0) emit(all);
  };

  const addOne = (record: ConnectionRecord, out: ConnectionRecord[]): void => {
    if (record.localAddress !== '') remember(record.localAddress);
    if (record.time > newest) newest = record.time;
    const isHere = record.peerAddress.startsWith('127.') || addresses.has(record.peerAddress);
    const isNear = isHere || PRIVATE.test(record.peerAddress);
    if (!mayHavePartner(record) || !isNear) {
      out.push(record);
      return;
    }
    const [own, other] = meet(record);
    if (other) {
      remember(record.peerAddress);
      remember(other.peerAddress); // translated: it leads here all the same
      leave(record.id, record.process, out);
      if (other.process) record.peerProcess = other.process;
      out.push(record);
    } else if ((isHere || leadsHere(record)) && !own.hasWaited && mayWait.has(record.event)) {
      keep(record, own);
    } else {
      leave(record.id, undefined, out); // not to be overtaken
      out.push(record);
    }
  };

  return {
    add(records) {
      const out: ConnectionRecord[] = [];
      for (const record of records) addOne(record, out);
      leaveDue(newest, out);
      if (out.length > 0) emit(out);
      clearTimeout(timer);
      timer = waiting.size > 0 ? setTimeout(flush, wait) : undefined;
    },
    flush,
  };
}

/**
 * Ports of UDP come again, and its ids with them: when both have ended it is another conversation, and who has ended makes
 * room for its like. Of a group one receiver is remembered.
 */
function addEnd(
  known: readonly End[],
  { cookie, role, peerAddress, process }: ConnectionRecord,
): [own: End, ends: readonly End[]] {
  const fresh = { cookie, role, peerAddress, process, hasEnded: false, hasWaited: false };
  if (known.length === 2 && known.every(({ hasEnded }) => hasEnded)) return [fresh, [fresh]];
  const old = known.findIndex((end) => end.hasEnded && !arePartners(end, fresh));
  if (old >= 0) return [fresh, known.with(old, fresh)];
  // A list that grows by push has room for 17: too much for each of so many connections.
  const [first] = known;
  if (first === undefined) return [fresh, [fresh]];
  return [fresh, known.length < 2 ? [first, fresh] : known];
}

function arePartners(one: End, other: End): boolean {
  return one.role === 'unknown' || other.role === 'unknown' || one.role !== other.role;
}

/** What may be told of a connection that is over. */
const comesBehind: ReadonlySet<EventName> = new Set(['reset', 'retransmit', 'drop']);

/** What tells of a moment is told at once. */
const mayWait: ReadonlySet<EventName> = new Set(['open', 'update', 'close']);

/** A reset of nobody is no connection's; one that was never established has one end. */
function mayHavePartner({ cookie, end, peerAddress }: ConnectionRecord): boolean {
  return cookie !== 0n && peerAddress !== '' && end?.established !== false;
}

/**
 * Private, shared and link-local addresses, and the groups of multicast: the other end may be here, behind a translation.
 * Public addresses are other hosts', unless they are this one's.
 */
const PRIVATE =
  /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|2[23]\d\.|::1$|f[cdef])/;

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
}
