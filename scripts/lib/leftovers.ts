/**
 * Finds what tests left behind on this machine: processes (known by a mark in their environment), files in the run's own
 * temporary directory, and whatever of the kernel's objects is there afterwards and was not there before.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Every process that a test starts inherits this variable, with the run's own value. */
export const runVariable = 'SOCKFLOW_TEST_RUN';

/** What there is, by kind; each thing by a name that tells a person what it is. */
export type HostState = Readonly<Record<string, readonly string[]>>;

export interface Run {
  readonly mark: string;
  readonly temporaryDirectory: string;
}

export function readHostState(run: Run): HostState {
  return {
    process: listProcesses(`${runVariable}=${run.mark}`),
    file: readdirSync(run.temporaryDirectory).map((name) => join(run.temporaryDirectory, name)),
    'network namespace': listDirectory('/run/netns'),
    'network interface': listDirectory('/sys/class/net'),
    'BPF program': listBpf('prog'),
    'BPF map': listBpf('map'),
    'BPF link': listBpf('link'),
    mount: listMounts(),
    cgroup: listEmptyCgroups('/sys/fs/cgroup'),
  };
}

/** The kernel frees BPF objects and namespaces a moment after their last user has gone. */
export async function findLeftovers(before: HostState, run: Run, patience = 3000): Promise<string[]> {
  const deadline = Date.now() + patience;
  for (;;) {
    const left = difference(before, readHostState(run));
    if (left.length === 0 || Date.now() >= deadline) return left;
    await sleep(100);
  }
}

export function difference(before: HostState, after: HostState): string[] {
  return Object.entries(after).flatMap(([kind, names]) =>
    names.filter((name) => !before[kind]?.includes(name)).map((name) => `${kind} ${name}`),
  );
}

function listProcesses(variable: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.filter((pid) => readQuietly(`/proc/${pid}/environ`).split('\0').includes(variable)).map(describeProcess);
}

function describeProcess(pid: string): string {
  const command = readQuietly(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return `${pid} (${command})`;
}

interface BpfObject {
  readonly id: number;
  readonly type?: string;
  readonly name?: string;
}

function listBpf(kind: 'prog' | 'map' | 'link'): string[] {
  const output = execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8' });
  const objects = JSON.parse(output || '[]') as BpfObject[];
  return objects.map(({ id, type, name }) => [id, type, name].filter((part) => part !== undefined).join(' '));
}

/** Those of `ip netns` are not listed: the namespaces are, and /run/netns itself stays mounted once it was used. */
function listMounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  const mounts = lines.map((line) => line.split(' ')).map(([id, , , , point]) => ({ id, point: point ?? '' }));
  return mounts
    .filter(({ point }) => !/^(\/var)?\/run\/netns\b/.test(point))
    .map(({ id, point }) => `${point} (${id})`);
}

/** Only the empty ones: what lives in the others is a process of ours, listed above, or nothing of the tests. */
function listEmptyCgroups(directory: string): string[] {
  const children = listDirectories(directory).map((name) => join(directory, name));
  return children.flatMap((child) => [...(isPopulated(child) ? [] : [child]), ...listEmptyCgroups(child)]);
}

function isPopulated(directory: string): boolean {
  if (readQuietly(join(directory, 'cgroup.procs')) !== '') return true;
  return listDirectories(directory).some((name) => isPopulated(join(directory, name)));
}

function listDirectory(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** None where the directory has just gone. */
function listDirectories(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Empty where the process or cgroup has just gone. */
function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
