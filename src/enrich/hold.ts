/**
 * Records that wait for a name. Each waits for one thing and a bounded time, and only its own kind waits: all others
 * pass at once. What waits for the same thing leaves together and in order, so the records of a connection stay in
 * theirs.
 */
import type { ConnectionRecord } from '../model.ts';

export interface HoldOptions {
  /** Longest wait, milliseconds. 0: nothing waits. */
  readonly wait: number;
  /** Records that may wait at a time. */
  readonly most?: number;
  /** What a record should wait for; undefined: nothing. Called for each record, so it must be quick. */
  readonly keyOf: (record: ConnectionRecord) => object | undefined;
  /** Takes what has waited, in order. */
  readonly emit: (records: ConnectionRecord[]) => void;
  /** Records that went without what they waited for. */
  readonly onLate: (count: number) => void;
}

export interface Hold {
  /** The records that need not wait, in order; the others are kept. */
  pass(records: ConnectionRecord[]): ConnectionRecord[];
  /** What waits for `key` leaves now. */
  release(key: object): void;
  /** All leave now. */
  releaseAll(): void;
}

interface Held {
  readonly records: ConnectionRecord[];
  readonly timer: NodeJS.Timeout;
}

const MOST = 65_536;

export function createHold({ wait, most = MOST, keyOf, emit, onLate }: HoldOptions): Hold {
  const held = new Map<object, Held>();
  /** Waited for in vain; what comes later does not wait again. */
  const given = new WeakSet<object>();
  let count = 0;

  const leave = (key: object): ConnectionRecord[] => {
    const entry = held.get(key);
    if (!entry) return [];
    held.delete(key);
    clearTimeout(entry.timer);
    count -= entry.records.length;
    return entry.records;
  };
  const giveUp = (key: object) => {
    given.add(key);
    const records = leave(key);
    onLate(records.length);
    if (records.length > 0) emit(records);
  };
  const open = (key: object): Held => {
    const entry = { records: [], timer: setTimeout(giveUp, wait, key) };
    held.set(key, entry);
    return entry;
  };
  const keep = (record: ConnectionRecord): boolean => {
    const key = keyOf(record);
    if (key === undefined) return false;
    if (given.has(key)) {
      onLate(1);
      return false;
    }
    // No room: what waits for the same must not be overtaken.
    if (count >= most) giveUp(key);
    if (given.has(key)) {
      onLate(1);
      return false;
    }
    (held.get(key) ?? open(key)).records.push(record);
    count++;
    return true;
  };

  return {
    pass: (records) => (wait > 0 ? records.filter((record) => !keep(record)) : records),
    release(key) {
      const records = leave(key);
      if (records.length > 0) emit(records);
    },
    releaseAll() {
      for (const key of [...held.keys()]) giveUp(key);
    },
  };
}
