import type { ExecutionContext } from 'ava';

/** The agent's timers keep no process alive: a test that waits for one, with nothing else going on, does that itself. */
export function keepAlive(t: ExecutionContext): void {
  const alive = setInterval(() => undefined, 60_000);
  t.teardown(() => clearInterval(alive));
}
