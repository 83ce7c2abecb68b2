/** What failed in the last minute, how often: by who tried, where to, and why. */
import type { CloseReason, ConnectionRecord, ErrorType } from '../model.ts';

export interface Failing {
  /** The last one of its kind. */
  readonly record: ConnectionRecord;
  readonly why: ErrorType | CloseReason;
  /** In the last minute. */
  readonly count: number;
}

export interface Failures {
  /** Takes a record of a connection that never was established. `now`: milliseconds. */
  add(record: ConnectionRecord, now: number): void;
  /** The most frequent first. */
  list(now: number): Failing[];
}

interface Known {
  record: ConnectionRecord;
  readonly why: Failing['why'];
  /** By second. */
  readonly counts: Map<number, number>;
}

const SECONDS = 60;
/** Kinds; the oldest go. */
const MOST = 1_000;

export function createFailures(): Failures {
  const known = new Map<string, Known>();
  return {
    add(record, now) {
      const why = record.errorType ?? record.closeReason ?? '_OTHER';
      const { process, peerName, peerAddress, peerPort } = record;
      const key = JSON.stringify([process?.executableName, peerName ?? peerAddress, peerPort, why]);
      const entry = known.get(key) ?? { record, why, counts: new Map<number, number>() };
      const second = Math.floor(now / 1000);
      entry.record = record;
      entry.counts.set(second, (entry.counts.get(second) ?? 0) + 1);
      // The latest stand last.
      known.delete(key);
      known.set(key, entry);
      if (known.size > MOST) known.delete(known.keys().next().value as string);
    },
    list(now) {
      const first = Math.floor(now / 1000) - SECONDS;
      const all: Failing[] = [];
      for (const [key, { record, why, counts }] of known) {
        for (const second of counts.keys()) if (second <= first) counts.delete(second);
        if (counts.size === 0) known.delete(key);
        else all.push({ record, why, count: [...counts.values()].reduce((sum, count) => sum + count, 0) });
      }
      return all.toSorted((a, b) => b.count - a.count);
    },
  };
}
