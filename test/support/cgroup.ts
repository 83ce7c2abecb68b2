/** Real cgroups: with the names that runtimes give to theirs, and those that runtimes leave behind. */
import { existsSync, globSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { settled } from './processes.ts';

/** Where hierarchies of this type are mounted: one of version 2, alone or beside some of version 1. */
function roots(type: RegExp): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts
    .map((line) => line.split(' '))
    .filter((fields) => type.test(fields[2] ?? ''))
    .map(([, directory]) => directory as string);
}

function root(): string {
  const [directory] = roots(/^cgroup2$/);
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

/**
 * Made in every hierarchy, for a program that wants to have all of its own below it. The returned function removes it,
 * with what is in it; it throws when something is still in use.
 */
export function makeRoot(name: string): () => Promise<void> {
  const below = ['', '/*', '/*/*', '/*/*/*', '/*/*/*/*'].map((rest) => `${name}${rest}`);
  const remove = watchCgroups(...below);
  for (const root of roots(/^cgroup2?$/)) {
    const directory = join(root, name);
    mkdirSync(directory);
    // Version 1 lets nobody in who has none of these.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(directory, file)) && readFileSync(join(directory, file), 'utf8').trim() === '')
        writeFileSync(join(directory, file), readFileSync(join(root, file)));
  }
  return remove;
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

/**
 * For a runtime that leaves cgroups: the returned function removes those that have come since, of these paths (globs) in all
 * hierarchies. Throws when one is still in use.
 */
export function watchCgroups(...paths: string[]): () => Promise<void> {
  const patterns = roots(/^cgroup2?$/).flatMap((directory) => paths.map((path) => join(directory, path)));
  const find = () => globSync(patterns).filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  const before = new Set(find());
  // Those inside of others first.
  const added = () =>
    find()
      .filter((path) => !before.has(path))
      .toSorted((one, other) => other.length - one.length);
  return async () => {
    const left = await settled(
      () => added().filter((path) => !removed(path)),
      (paths) => paths.length === 0,
    );
    if (left.length > 0) throw new Error(`cgroups that are still in use: ${left.join(' ')}`);
  };
}
