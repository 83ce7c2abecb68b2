/** Whether an addon is of the sources that lie beside it. */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What native/Makefile makes a digest of, too: file names that count, by directory. */
const counted = { bpf: /\.[ch]$/, native: /\.cc$|\.h$|^Makefile$/, 'native/privileged': /\.cc$|\.h$/ } as const;
const DIGITS = 16;

/** Digest of the kernel's and the addon's sources below `root`; undefined where they are not, as in a package. */
export function digestSources(root: string): string | undefined {
  try {
    const paths = Object.entries(counted).flatMap(([directory, pattern]) =>
      readdirSync(join(root, directory))
        .filter((name) => pattern.test(name))
        .map((name) => `${directory}/${name}`),
    );
    const parts = paths.sort().map((path) => readFileSync(join(root, path)));
    return hash('sha256', Buffer.concat(parts), 'hex').slice(0, DIGITS);
  } catch {
    return undefined;
  }
}
