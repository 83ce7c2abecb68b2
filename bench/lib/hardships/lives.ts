/** test/workloads/lives.c: one connection after the other, each with something that is new. */
import { readFileSync } from 'node:fs';
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
export function version2(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const found = mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
  if (!found) throw new Error('no cgroup2 mount: expected one, such as /sys/fs/cgroup');
  return found;
}
