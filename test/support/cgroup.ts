/** Real cgroups with the names that runtimes give to theirs. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { settled } from './processes.ts';

/** Where version 2 is mounted, alone or beside version 1. */
function root(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const [, directory] = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2') ?? [];
  if (!directory) throw new Error('no cgroup2 mount');
  return directory;
}

/** Takes in the process with this pid, and every child that it has later. */
export type Cgroup = (pid: number) => void;

/** Made with all above it that is missing; removed with that when the test is over and its processes have ended. */
export function makeCgroup(t: ExecutionContext, path: string): Cgroup {
  const directory = join(root(), path);
  const made: string[] = [];
  for (let each = directory; !existsSync(each); each = dirname(each)) made.push(each);
  mkdirSync(directory, { recursive: true });
  t.teardown(async () => {
    for (const each of made) await settled(() => removed(each), Boolean);
  });
  return (pid) => writeFileSync(join(directory, 'cgroup.procs'), `${pid}`);
}

/** The kernel lets go of a cgroup a moment after its last process. */
function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty yet, or another test's.
  }
  return !existsSync(directory);
}
