/** The C library and parts of it, built when stale. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '../..');

/**
 * Puts libsockflow, its header and its pkg-config file into `prefix`, and returns an environment that finds them.
 * `options`: as native/Makefile has them.
 */
export function installLibrary(prefix: string, ...options: readonly string[]): NodeJS.ProcessEnv {
  build('-f', 'native/Makefile', 'install', `PREFIX=${prefix}`, ...options);
  return {
    ...process.env,
    PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig'),
    LD_LIBRARY_PATH: join(prefix, 'lib'),
  };
}

/** The decoder alone, and the part that asks for names of containers: paths of the programs (test/library/Makefile). */
export const buildDecoder = (): string => checked('decode');
export const buildNames = (): string => checked('names');

function checked(name: string): string {
  const program = `build/test/checked/${name}`;
  build('-f', 'test/library/Makefile', program);
  return join(CHECKOUT, program);
}

/** Test files run side by side, of which make knows nothing. */
function build(...args: readonly string[]): void {
  execFileSync('flock', ['build', 'make', '--silent', '-j2', ...args], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
