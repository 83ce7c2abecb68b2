/**
 * Ends the intervals of the table. The kernel side reports what moved once in an interval, at once; an interval that ended
 * in the middle of that would have a part of it, and the next one more than its own. So each ends a while behind the
 * reports, and lasts from the begin of one to that of the next.
 */
export interface Ticker {
  start(): void;
  /** Reports of live connections came. */
  saw(): void;
  stop(): void;
}

/** Parts of an interval: how long behind the first of its reports it ends, and how long nothing was reported before that. */
const BEHIND = 0.25;
const QUIET = 0.6;

/** Milliseconds. */
export interface Clock {
  now(): number;
  /** Returns what takes that back. */
  after(wait: number, call: () => void): () => void;
}

const realClock: Clock = {
  now: () => performance.now(),
  after(wait, call) {
    const timer = setTimeout(call, wait);
    return () => clearTimeout(timer);
  },
};

/** `interval`: milliseconds. `onEnd` gets how long it was, in seconds. */
export function createTicker(interval: number, onEnd: (seconds: number) => void, clock = realClock): Ticker {
  let stop = () => {};
  /** When the reports came that the last interval ended with, and the last ones. */
  let begin = 0;
  let reports = 0;
  const wait = (end: number) => {
    stop = clock.after(Math.max(interval * BEHIND, end - clock.now()), tick);
  };
  const tick = () => {
    const now = clock.now();
    const until = reports > begin ? reports : now;
    const seconds = Math.max(until - begin, 1) / 1000;
    begin = until;
    // First: whatever becomes of this one, there is a next one.
    wait(until + interval * (1 + (until === reports ? BEHIND : 0)));
    onEnd(seconds);
  };
  return {
    start() {
      begin = clock.now();
      reports = begin;
      wait(begin + interval * (1 + BEHIND));
    },
    saw() {
      const now = clock.now();
      if (now - reports > interval * QUIET) reports = now;
    },
    stop: () => stop(),
  };
}
