/** Every connection that lives, and for a while those that have ended: what the live view shows at a moment. */
import type { ConnectionRecord } from '../model.ts';

/** A connection at the end of an interval. Never changed, so that a view that was paused stays as it was. */
export interface Row {
  /** Its last record. */
  readonly record: ConnectionRecord;
  /** Payload in the interval, bytes a second. */
  readonly sent: number;
  readonly received: number;
  /** In this interval, or in one before. */
  readonly ended: 'no' | 'now' | 'earlier';
}

/** What came in an interval, of all connections. */
export interface Moved {
  /** Connections that never were established. */
  readonly failed: number;
  /** TCP segments, and of these the ones that were sent again. */
  readonly segments: number;
  readonly retransmits: number;
}

export interface Table {
  /** Takes records of all events but retransmit, reset and drop. */
  add(records: readonly ConnectionRecord[]): void;
  /** Ends the interval. `now`: milliseconds; `seconds`: how long it was. */
  take(now: number, seconds: number): { readonly rows: Row[]; readonly moved: Moved };
}

interface Entry {
  record: ConnectionRecord;
  /** In this interval, bytes. */
  sent: number;
  received: number;
  /** Milliseconds; undefined while it lives. */
  endedAt?: number;
}

/** How long one that has ended can be looked at, in milliseconds, and how many of them. */
const KEPT = 300_000;
const MOST_KEPT = 10_000;

export function createTable(): Table {
  const live = new Map<bigint, Entry>();
  /** In the order of their ends. */
  const ended = new Map<bigint, Entry>();
  let failed = 0;
  let segments = 0;
  let retransmits = 0;

  const find = (record: ConnectionRecord): Entry => {
    const known = live.get(record.cookie) ?? endedOne(record);
    if (known) return known;
    const fresh = { record: unmoved(record), sent: 0, received: 0 };
    live.set(record.cookie, fresh);
    return fresh;
  };
  /** What comes behind its own end is no new connection; a socket that dials again is. */
  const endedOne = ({ cookie, startTime }: ConnectionRecord): Entry | undefined => {
    const entry = ended.get(cookie);
    if (entry?.record.startTime === startTime) return entry;
    ended.delete(cookie);
    return undefined;
  };
  const addOne = (record: ConnectionRecord): void => {
    const entry = find(record);
    entry.sent += record.deltas?.sentBytes ?? 0;
    entry.received += record.deltas?.receivedBytes ?? 0;
    if (record.transport === 'tcp') {
      segments += record.deltas?.sentPackets ?? 0;
      retransmits += Math.max(0, record.retransmits - entry.record.retransmits);
    }
    if (record.event === 'failed') failed++;
    if (isEnd(record) || !isEnd(entry.record)) entry.record = record;
  };
  const forget = (now: number): void => {
    for (const [cookie, { endedAt = now }] of ended) {
      if (now - endedAt < KEPT && ended.size <= MOST_KEPT) break;
      ended.delete(cookie);
    }
  };
  const retire = (now: number): void => {
    for (const [cookie, entry] of live) {
      if (!isEnd(entry.record)) continue;
      entry.endedAt = now;
      live.delete(cookie);
      ended.set(cookie, entry);
    }
  };

  return {
    add(records) {
      for (const record of records) addOne(record);
    },
    take(now, seconds) {
      // All that ended in this interval are told of, however many they are.
      forget(now);
      retire(now);
      const rows = [...live.values(), ...ended.values()].map((entry) => toRow(entry, now, seconds));
      const moved = { failed, segments, retransmits };
      failed = 0;
      segments = 0;
      retransmits = 0;
      return { rows, moved };
    },
  };
}

function isEnd({ event }: ConnectionRecord): boolean {
  return event === 'close' || event === 'failed';
}

/** What was before the agent is not its to tell. */
function unmoved(record: ConnectionRecord): ConnectionRecord {
  return record.preExisting || record.retransmits === 0 ? record : { ...record, retransmits: 0 };
}

function toRow(entry: Entry, now: number, seconds: number): Row {
  const { record, sent, received, endedAt } = entry;
  entry.sent = 0;
  entry.received = 0;
  const when = endedAt === now ? 'now' : 'earlier';
  return {
    record,
    sent: sent / seconds,
    received: received / seconds,
    ended: endedAt === undefined ? 'no' : when,
  };
}
