import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { distinct, occurrences } from '../../../bench/lib/count.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const text = 'one two\n\ntwo two three\nfour\ntwo';

for (const bytes of [1, 2, 7, 1024]) {
  test(`${bytes} bytes at once: a file is counted to its last line, which has no end, and lines are whole`, async (t) => {
    const file = join(temporaryDirectory(t), 'text');
    writeFileSync(file, text);
    t.is(await occurrences(file, /two/g, bytes), 4);
    t.is(await occurrences(file, /^two/gm, bytes), 2);
    t.is(await occurrences(file, /two$/gm, bytes), 2);
    t.is(await distinct(file, /(t)([a-z]+)/g, bytes), 2);
  });
}

test('a file that is not there has nothing in it, like an empty one', async (t) => {
  const file = join(temporaryDirectory(t), 'text');
  t.is(await occurrences(file, /x/g), 0);
  writeFileSync(file, '');
  t.is(await occurrences(file, /x/g), 0);
});
