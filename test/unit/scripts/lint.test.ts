import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { findCFiles } from '../../../scripts/lib/lint.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('C and C++ files are checked wherever people write them, generated ones are not', (t) => {
  const root = temporaryDirectory(t);
  const written = ['bpf/a.bpf.c', 'bpf/a.h', 'native/deep/b.cc', 'test/workloads/c.c'];
  const generated = ['native/build/d.cc', 'native/a.skel.h', 'bpf/e.gen.h', 'node_modules/f/g.c', 'build/h.c'];
  for (const file of [...written, ...generated]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  t.deepEqual(findCFiles(root), written);
});
