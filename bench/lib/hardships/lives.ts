/** test/workloads/lives.c: one connection after the other, each with something that is new. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { built } from '../../../test/support/compile.ts';
import type { Namespace } from '../../../test/support/netns.ts';
import type { LoadResult } from '../loads.ts';

export type Kind = 'connections' | 'processes' | 'namespaces' | 'cgroups';

/** `file`: the program under another name. */
export async function runLives(
  namespace: Namespace,
  kind: Kind,
  count: number,
  args: readonly string[] = [],
  file = built('test/workloads/lives.c'),
): Promise<LoadResult> {
  return { operations: count, ...JSON.parse(await namespace.run(file, [kind, `${count}`, ...args])) };
}

/** Where cgroups of version 2 are mounted. */
function version2(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const found = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  if (!found) throw new Error('no cgroup2 mount: expected one, such as /sys/fs/cgroup');
  return found;
}

export interface Cgroup {
  readonly directory: string;
  remove(): void;
}

/** One to live in and below. It is removed at the latest when the bench ends, also by a signal or an error. */
export function makeCgroup(name: string, root = version2()): Cgroup {
  const directory = join(root, `sockflow-${name}-${process.pid}`);
  mkdirSync(directory);
  const remove = () => {
    process.off('exit', remove);
    // The kernel lets go of a cgroup a moment after its last process; at exit nothing but this can wait.
    for (let time = 0; time < 250 && !isRemoved(directory); time++) Atomics.wait(NOTHING, 0, 0, 20);
  };
  process.once('exit', remove);
  return { directory, remove };
}

const NOTHING = new Int32Array(new SharedArrayBuffer(4));

function isRemoved(directory: string): boolean {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) rmdirSync(join(directory, entry.name));
    rmdirSync(directory);
  } catch {
    // In use yet, or gone.
  }
  return !existsSync(directory);
}
