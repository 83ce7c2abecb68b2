/** The C library, built when stale, and programs that use it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '../..');
const make = ['--silent', '-j2', '-f', 'native/Makefile'];

/**
 * Puts libsockflow, its header and its pkg-config file into `prefix`, and returns an environment that finds them.
 * `options`: as native/Makefile has them.
 */
export function installLibrary(prefix: string, ...options: readonly string[]): NodeJS.ProcessEnv {
  // Test files run side by side, of which make knows nothing.
  execFileSync('flock', ['build', 'make', ...make, 'install', `PREFIX=${prefix}`, ...options], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return {
    ...process.env,
    PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig'),
    LD_LIBRARY_PATH: join(prefix, 'lib'),
  };
}

/** Compiles the decoder alone, so that it reads and writes nothing that is not its own; returns the program's path. */
export function buildDecoder(directory: string): string {
  return compile(directory, 'decode', ['bundle', 'decode', 'docker', 'names', 'outcome', 'placement', 'process']);
}

/** The part that asks for names of containers, alone. */
export function buildNames(directory: string): string {
  return compile(directory, 'names', ['bundle', 'docker', 'names']);
}

function compile(directory: string, name: string, parts: readonly string[]): string {
  const program = join(directory, name);
  const sources = parts.map((part) => `native/library/${part}.cc`);
  const flags = [
    '-std=c++20',
    '-O1',
    '-g',
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover',
    '-Inative/library',
  ];
  execFileSync('g++', [...flags, '-o', program, `test/library/${name}.cc`, ...sources], { cwd: CHECKOUT });
  return program;
}
