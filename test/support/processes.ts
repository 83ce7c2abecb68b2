/** Small things about processes and files that every test needs. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';

/** Milliseconds, more than any machine needs: only what never comes fails. */
export const PATIENCE = 120_000;

/** In front of a command: it ends with the test, whatever becomes of that. */
export const TIED = ['setpriv', '--pdeathsig', 'KILL'] as const;

/** Takes all these steps, one after the other, whatever becomes of each; throws what went wrong at the end. */
export async function tearDown(...steps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('\n'));
}

/** Resolves when the process has ended, however it did. */
export async function finished(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = '';
  if (stream) for await (const chunk of stream) all += chunk;
  return all;
}

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Waits for the end of a process whose stdout and stderr are pipes (or not there). */
export async function result(child: ChildProcess): Promise<Result> {
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/** The stdout of a process that must succeed. */
export async function output(child: ChildProcess, name: string): Promise<string> {
  const { code, signal, stdout, stderr } = await result(child);
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

/** Name of a user in /etc/passwd; undefined when there is none. */
export function userName(id: number): string | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(id));
  return line?.split(':')[0];
}

/**
 * Asks again and again until the answer is there: for what has no event to wait for, such as the kernel freeing things in
 * the background. The last answer is returned in any case, for the test to judge.
 */
export async function settled<T>(ask: () => T | Promise<T>, wanted: (answer: T) => boolean, ms = 10_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The same for what must come: throws, with the last answer, when it does not. */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  wanted: (answer: T) => boolean,
): Promise<T> {
  const answer = await settled(ask, wanted, PATIENCE);
  if (!wanted(answer)) throw new Error(`no ${what} in ${PATIENCE} ms; there was ${inspect(answer)}`);
  return answer;
}

/** What a promise resolves to; throws, with what `seen` says by then, when it never does. */
export async function inTime<T>(promise: Promise<T>, seen: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited for ${PATIENCE} ms; there was ${seen()}`)), PATIENCE);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0; // ended meanwhile
  }
}

/** A process and everything it has started. */
export function family(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = all.map(Number).filter((other) => parentOf(other) === pid);
  return [pid, ...children.flatMap(family)];
}
