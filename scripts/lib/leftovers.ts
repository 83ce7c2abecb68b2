/**
 * Finds what tests left behind on this machine: processes (known by a mark in their environment), files in the run's own
 * temporary directory, and whatever of the kernel's objects is there afterwards and was not there before.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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
  const held = heldBpfObjects();
  return {
    process: listProcesses(`${runVariable}=${run.mark}`),
    file: listFiles(run.temporaryDirectory),
    'network namespace': listDirectory('/run/netns'),
    'network interface': listDirectory('/sys/class/net'),
    'BPF program': listBpf('prog', held),
    'BPF map': listBpf('map', held),
    'BPF link': listBpf('link', held),
    mount: listMounts(),
    cgroup: listEmptyCgroups('/sys/fs/cgroup'),
  };
}

/**
 * The kernel frees BPF objects and namespaces a moment after their last user has gone. What comes only meanwhile is
 * another program's.
 */
export async function findLeftovers(before: HostState, run: Run, patience = 3000): Promise<string[]> {
  const deadline = Date.now() + patience;
  let left = difference(before, readHostState(run));
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(100);
    const now = difference(before, readHostState(run));
    left = left.filter((thing) => now.includes(thing));
  }
  return left;
}

export function difference(before: HostState, after: HostState): string[] {
  return Object.entries(after).flatMap(([kind, names]) =>
    names.filter((name) => !before[kind]?.includes(name)).map((name) => `${kind} ${name}`),
  );
}

/** Not Node's own cache: npm and other programs put it wherever TMPDIR says. */
function listFiles(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => name !== 'node-compile-cache');
  return names.map((name) => join(directory, name));
}

function listProcesses(variable: string): string[] {
  const others = listPids().filter((pid) => Number(pid) !== process.pid);
  return others
    .filter((pid) => readQuietly(`/proc/${pid}/environ`).split('\0').includes(variable))
    .map(describeProcess);
}

function listPids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

function describeProcess(pid: string): string {
  const command = readQuietly(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return `${pid} (${command})`;
}

type BpfKind = 'prog' | 'map' | 'link';

interface BpfObject {
  readonly id: number;
  readonly type?: string;
  readonly name?: string;
}

/** Only those that no process holds: a process of ours is listed itself, and others may be at work beside the tests. */
function listBpf(kind: BpfKind, held: ReadonlySet<string>): string[] {
  const output = execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8' });
  const objects = JSON.parse(output || '[]') as BpfObject[];
  const abandoned = objects.filter(({ id }) => !held.has(`${kind} ${id}`));
  return abandoned.map(({ id, type, name }) => [id, type, name].filter((part) => part !== undefined).join(' '));
}

/** As `prog 12`, from every process's open descriptors. */
function heldBpfObjects(): ReadonlySet<string> {
  const descriptors = listPids().flatMap((pid) => listDirectory(`/proc/${pid}/fd`).map((fd) => ({ pid, fd })));
  const ofBpf = descriptors.filter(({ pid, fd }) => readLink(`/proc/${pid}/fd/${fd}`).startsWith('anon_inode:bpf'));
  return new Set(ofBpf.flatMap(({ pid, fd }) => bpfIds(readQuietly(`/proc/${pid}/fdinfo/${fd}`))));
}

/** A link's descriptor names its program, too. */
function bpfIds(description: string): string[] {
  return [...description.matchAll(/^(prog|map|link)_id:\s*(\d+)$/gm)].map(([, kind, id]) => `${kind} ${id}`);
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

/** None where it isn't there, or has just gone. */
function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
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

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
