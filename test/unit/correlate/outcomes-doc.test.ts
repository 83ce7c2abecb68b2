/** docs/outcomes.md promises a test for each row. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Of a template, what is filled in later may be anything. */
function asPattern(title: string): RegExp {
  const parts = title.replace(/\\'/g, "'").split(/\$\{[^}]*\}/);
  return new RegExp(`^${parts.map((part) => part.replace(/[$^.*+?()[\]{}|\\]/g, '\\$&')).join('.+')}$`);
}

function titles(): RegExp[] {
  const files = globSync('test/e2e/tcp-{outcomes-*,routes}.test.ts', { cwd: root });
  const calls = files.flatMap((file) => [...read(file).matchAll(/\b(?:cause|test\.serial)\(\s*(['"`])(.+?)\1,/g)]);
  return calls.map(([, , title = '']) => asPattern(title));
}

/** The last cell of each row of a table, without the mark of the file. */
function rows(): string[] {
  const lines = read('docs/outcomes.md').split('\n');
  const cells = lines.filter((line) => line.startsWith('|')).map((line) => line.split('|').at(-2)?.trim() ?? '');
  return cells.filter((cell) => cell !== 'test' && cell !== '---').map((cell) => cell.replace(/ \(R\)$/, ''));
}

test('each row has its test', (t) => {
  const known = titles();
  t.true(rows().length > 30);
  t.deepEqual(
    rows().filter((row) => !known.some((title) => title.test(row))),
    [],
  );
});
