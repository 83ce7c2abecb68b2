/** The root of an image that has nothing but busybox, as a tar that `import` takes: there is no registry here. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the file. */
export function writeBusyboxRoot(directory: string): string {
  const root = join(directory, 'rootfs');
  const tar = join(directory, 'image.tar');
  mkdirSync(join(root, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of ['sh', 'nc', 'sleep', 'cat', 'echo']) symlinkSync('busybox', join(root, 'bin', name));
  execFileSync('tar', ['-C', root, '-cf', tar, '.']);
  return tar;
}
