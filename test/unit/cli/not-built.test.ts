import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { notBuiltOptions } from '../../../src/cli/not-built.ts';

test('the README names all that is not built, and nothing that is', (t) => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
  const [, said = ''] = /^- Not built yet: (.*?)\. What is typed/ms.exec(readme) ?? [];
  const names = [...said.matchAll(/`-{0,2}([a-z-]+)`/g)].map(([, name]) => name);
  t.deepEqual(names.toSorted(), [...notBuiltOptions].toSorted());
});
