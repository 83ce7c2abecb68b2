/** A limit in time that goes with the work. The timer of AbortSignal.timeout() would stay behind what was done at once. */
export interface Deadline {
  /** Aborts with a TimeoutError when the time is over, or as the signal that was given does. */
  readonly signal: AbortSignal;
  readonly isOver: boolean;
  /** The work is done. */
  clear(): void;
}

/** `milliseconds` from now on. Keeps no process alive. */
export function createDeadline(milliseconds: number, signal: AbortSignal): Deadline {
  const late = new AbortController();
  const end = () => late.abort(new DOMException(`not done within ${milliseconds} ms`, 'TimeoutError'));
  const timer = setTimeout(end, milliseconds).unref();
  return {
    signal: AbortSignal.any([signal, late.signal]),
    get isOver() {
      return late.signal.aborted;
    },
    clear: () => clearTimeout(timer),
  };
}
