/** Benches start outside of the test runner, whatever they share with the tests. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const CHECKOUT = join(import.meta.dirname, '../../..');
const benches = globSync('bench/*.ts', { cwd: CHECKOUT }).filter((file) =>
  readFileSync(join(CHECKOUT, file), 'utf8').includes('readOptions('),
);

test('there are benches with options', (t) => {
  t.true(benches.length > 8);
});

for (const file of benches)
  test(`${file} starts, and refuses an option that there is not`, (t) => {
    const { status, stderr } = spawnSync(process.execPath, [file, '--bogus'], { cwd: CHECKOUT, encoding: 'utf8' });
    t.regex(stderr, /^bench: \w+: Unknown option '--bogus'; there are --/);
    t.is(status, 2);
  });
