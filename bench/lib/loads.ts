/** The loads of storm.c, and where they run. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { built } from '../../test/support/compile.ts';
import type { Namespace } from '../../test/support/netns.ts';

export interface Load {
  name: string;
  unit: string;
  /** What storm is told. */
  kind: 'connections' | 'requests' | 'bulk' | 'datagrams' | 'bulk-datagrams' | 'scan';
  /** The load has one CPU to itself, whoever watches it has another. */
  pinned: boolean;
  /** As many of these as of connections are asked for. */
  factor: number;
}

export const loads: readonly Load[] = [
  { name: 'storm, one CPU', unit: 'connections', kind: 'connections', pinned: true, factor: 1 },
  { name: 'storm, all CPUs', unit: 'connections', kind: 'connections', pinned: false, factor: 1 },
  { name: 'requests, one CPU', unit: 'requests', kind: 'requests', pinned: true, factor: 3 },
  { name: 'bulk, one CPU', unit: 'blocks', kind: 'bulk', pinned: true, factor: 3 },
  { name: 'datagrams, one CPU', unit: 'datagrams', kind: 'datagrams', pinned: true, factor: 20 },
  { name: 'bulk-datagrams, one CPU', unit: 'datagrams', kind: 'bulk-datagrams', pinned: true, factor: 5 },
  { name: 'scan, one CPU', unit: 'peers', kind: 'scan', pinned: true, factor: 5 },
];

export interface LoadResult {
  operations: number;
  seconds: number;
  /** Of the client, with what the kernel does in its name; without softirqs where the kernel accounts for them apart. */
  cpuSeconds: number;
  port: number;
  failed: number;
}

const LOAD_CPU = '0';
const WATCHER_CPU = '1';

export function canPin(): boolean {
  return availableParallelism() > 1;
}

/** Moves a process with all its threads away from the load. */
export function pinWatcher(pid: number | undefined): void {
  if (pid !== undefined) spawnSync('taskset', ['-a', '-p', '-c', WATCHER_CPU, String(pid)]);
}

export async function runLoad(namespace: Namespace, load: Load, operations: number): Promise<LoadResult> {
  const command = [built('bench/storm.c'), load.kind, String(operations)];
  const [file = '', ...args] = load.pinned ? ['taskset', '-c', LOAD_CPU, ...command] : command;
  return JSON.parse(await namespace.run(file, args));
}
