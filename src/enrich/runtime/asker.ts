/**
 * One runtime, made safe to ask: a deadline for each question, a bounded number of them at a time, a pause that grows
 * while it fails, and nothing that it does or says gets further than a counter.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeadline } from '../deadline.ts';
import type { Found, Runtime, RuntimeEvents } from './runtime.ts';

/** `absent`: it has no such container. `failed`: it could not say. `down`: there is nobody to ask. */
export type Answer = Found | 'absent' | 'failed' | 'down';

export interface AskerOptions {
  /** Milliseconds for an answer. */
  readonly deadline?: number;
  /** Questions at a time, and of those that wait for their turn. */
  readonly most?: number;
  readonly mostWaiting?: number;
  /** Milliseconds of the first and of the longest pause. */
  readonly shortestPause?: number;
  readonly longestPause?: number;
  /** Each failure of a runtime that is there, in words. */
  readonly onError?: (message: string) => void;
}

export interface Asker {
  readonly name: string;
  mayKnow(runtime: string | undefined): boolean;
  ask(id: string): Promise<Answer>;
  /** Hears of changes until closed. `onWell`: what got no answer may get one now. */
  watch(events: Events, onWell: () => void): void;
  /** Ends what is under way. Idempotent. */
  close(): void;
}

/** Milliseconds until a socket that is not there is looked for again: most hosts have few of them, for ever. */
const LOOK_AGAIN = 1_000;

type Events = Omit<RuntimeEvents, 'onConnected'>;

export function createAsker(runtime: Runtime, options: AskerOptions = {}): Asker {
  const { deadline = 5_000, most = 8, mostWaiting = 1024, onError } = options;
  const { shortestPause = 250, longestPause = 10_000 } = options;
  const closing = new AbortController();
  const waiting: (() => void)[] = [];
  let asked = 0;
  let retry: NodeJS.Timeout | undefined;
  let well = () => {};
  let pause = shortestPause;
  let pausedUntil = 0;

  const fail = (error: unknown): 'failed' => {
    if (closing.signal.aborted) return 'failed';
    onError?.(wordsOf(error, deadline));
    // Questions that were under way together fail together: that is one failure.
    if (isPaused()) return 'failed';
    pausedUntil = performance.now() + pause;
    tryAgainIn(pause);
    pause = Math.min(pause * 2, longestPause);
    return 'failed';
  };
  const tryAgainIn = (ms: number) => {
    clearTimeout(retry);
    retry = setTimeout(() => {
      pausedUntil = 0;
      well();
    }, ms).unref();
  };
  const isPaused = () => performance.now() < pausedUntil;
  const turn = async () => {
    if (asked >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else asked++;
  };
  // Who waits takes the place over.
  const done = () => {
    const next = waiting.shift();
    if (next) next();
    else asked--;
  };

  const question = async (id: string): Promise<Answer> => {
    await turn();
    try {
      // Those before us in the queue may have met a runtime that does not answer.
      if (closing.signal.aborted || isPaused()) return 'failed';
      const found = await within(deadline, closing.signal, (signal) => runtime.find(id, signal));
      pause = shortestPause;
      return found ?? 'absent';
    } catch (error) {
      return fail(error);
    } finally {
      done();
    }
  };

  const watchOnce = async (events: Events): Promise<void> => {
    try {
      const onConnected = () => {
        pause = shortestPause;
        pausedUntil = 0;
        well();
      };
      await runtime.watch({ ...events, onConnected }, closing.signal);
    } catch (error) {
      fail(error);
    }
  };

  return {
    name: runtime.name,
    mayKnow: (name) => runtime.mayKnow(name),
    async ask(id) {
      if (!existsSync(runtime.socket)) return 'down';
      if (isPaused()) return 'failed';
      if (waiting.length < mostWaiting) return question(id);
      tryAgainIn(shortestPause);
      return 'failed';
    },
    async watch(events, onWell) {
      well = onWell;
      while (!closing.signal.aborted) {
        const isThere = existsSync(runtime.socket);
        if (isThere) await watchOnce(events);
        const left = isThere ? Math.max(shortestPause, pausedUntil - performance.now()) : LOOK_AGAIN;
        await sleep(left, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      }
    },
    close() {
      clearTimeout(retry);
      closing.abort();
    },
  };
}

/** Also when whoever works does not heed its signal. */
async function within<Value>(
  deadline: number,
  closed: AbortSignal,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { signal, clear } = createDeadline(deadline, closed);
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work(signal), promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clear();
  }
}

function wordsOf(error: unknown, deadline: number): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TimeoutError' ? `no answer within ${deadline / 1000} s` : error.message;
}
