/** The C programs of tests and bench, compiled when stale. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '../..');
const BUILT = join(CHECKOUT, 'build/test');
const WORKLOADS = join(CHECKOUT, 'test/workloads');

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/**
 * Path of the program made of a source file. Test files run side by side, hence the rename. `libraries`: of the system,
 * by their names behind -l.
 */
export function built(sourceFile: string, ...libraries: readonly string[]): string {
  return compiled(sourceFile, '', libraries.length > 0 ? libraries.map((name) => `-l${name}`) : ['-static']);
}

/** The same for another machine, by Debian's cross compiler for it. */
export function builtForArm64(sourceFile: string): string {
  return compiled(sourceFile, '', ['-static'], { compiler: 'aarch64-linux-gnu-gcc', directory: `${BUILT}-arm64` });
}

/** As `built`, to be preloaded into another program. */
export function builtPreload(sourceFile: string): string {
  return compiled(sourceFile, '.so', ['-shared', '-fPIC']);
}

function compiled(
  sourceFile: string,
  suffix: string,
  options: readonly string[],
  { compiler, directory } = { compiler: 'gcc', directory: BUILT },
): string {
  const source = join(CHECKOUT, sourceFile);
  const binary = join(directory, basename(sourceFile, '.c') + suffix);
  if (modified(binary) > Math.max(modified(source), ...globSync(join(WORKLOADS, '*.h')).map(modified))) return binary;
  mkdirSync(directory, { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  execFileSync(compiler, ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', fresh, source, ...options]);
  renameSync(fresh, binary);
  return binary;
}
