import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { entries, optionName } from '../../../src/cli/options.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');

test('docs/options.md and the man page are of the table of options', (t) => {
  const script = ['scripts/generate-options.ts', '--check'];
  t.notThrows(() => execFileSync(process.execPath, script, { cwd: CHECKOUT, stdio: 'pipe' }));
});

test('both have every option, and troff takes no dash of it for a hyphen', (t) => {
  const page = readFileSync(join(CHECKOUT, 'docs/options.md'), 'utf8');
  const man = readFileSync(join(CHECKOUT, 'docs/sockflow.1'), 'utf8');
  for (const [key] of entries) {
    const name = optionName(key);
    t.regex(page, new RegExp(`\`--(\\[no-\\])?${name}[ \`]`), name);
    t.true(man.includes(name.replaceAll('-', '\\-')), name);
  }
  t.notRegex(man, /\\fB[^\\]*[^\\]-/);
});
