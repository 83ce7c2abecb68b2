/** Where the compiled parts are: in a checkout what was built there, in a package what came with it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `name`: sockflow.node, sockflow-privileged. `root`: of the checkout or package. */
export function builtFile(name: string, root = join(import.meta.dirname, '../..')): string {
  const own = join(root, 'build', name);
  const shipped = join(root, 'prebuilds', `linux-${process.arch}`, name);
  return !existsSync(own) && existsSync(shipped) ? shipped : own;
}
