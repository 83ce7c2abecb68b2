/** A directory that looks like /proc, with processes that see hosts files of the test's own. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { temporaryDirectory } from './temporary.ts';

export interface FakeProcess {
  readonly networkNamespace: number;
  readonly mountNamespace?: number;
  /** Of `root()`. */
  readonly root: string;
  /** Type of its root file system. */
  readonly type?: string;
}

export interface FakeProc {
  readonly directory: string;
  /** A root directory with these files in /etc. */
  root(files: Readonly<Record<string, string>>): string;
  /** Instead of the process that has the number. */
  put(pid: number, process: FakeProcess): void;
  end(pid: number): void;
}

export function createFakeProc(t: ExecutionContext): FakeProc {
  const top = temporaryDirectory(t);
  const directory = join(top, 'proc');
  let roots = 0;
  const end = (pid: number) => rmSync(join(directory, `${pid}`), { recursive: true, force: true });
  return {
    directory,
    end,
    root(files) {
      const root = join(top, `root${roots++}`);
      mkdirSync(join(root, 'etc'), { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'etc', name), text);
      return root;
    },
    put(pid, { networkNamespace, mountNamespace = 1, root, type = 'ext4' }) {
      end(pid);
      const place = join(directory, `${pid}`);
      mkdirSync(join(place, 'ns'), { recursive: true });
      symlinkSync(`net:[${networkNamespace}]`, join(place, 'ns/net'));
      symlinkSync(`mnt:[${mountNamespace}]`, join(place, 'ns/mnt'));
      symlinkSync(root, join(place, 'root'));
      writeFileSync(join(place, 'mountinfo'), `1 2 0:3 / / rw - ${type} source rw\n`);
    },
  };
}
