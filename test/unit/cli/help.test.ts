import test from 'ava';
import { formatHelp } from '../../../src/cli/help.ts';
import { entries, groups, optionName } from '../../../src/cli/options.ts';

const help = formatHelp();

test('no line is wider than 80 columns, none ends in a space', (t) => {
  for (const line of help.split('\n')) {
    t.true(line.length <= 80, line);
    t.false(line.endsWith(' '), line);
  }
});

test('every option is shown with all its names', (t) => {
  for (const [key, option] of entries) {
    const name = optionName(key);
    t.true(help.includes(`--${option.negatable ? '[no-]' : ''}${name}`), name);
    for (const alias of option.aliases) {
      const shown = alias.length > 1 ? `--${alias}` : ` -${alias},`;
      t.true(help.includes(shown), alias);
    }
  }
});

test('it begins with the usage, has every group, and examples at the end', (t) => {
  t.true(help.startsWith('Usage: sockflow [options]\n'));
  for (const group of groups) t.true(help.includes(`\n\n${group}:\n`), group);
  t.true(help.lastIndexOf('Examples:') > help.lastIndexOf('Advanced:'));
  t.true(help.endsWith('.\n'));
});
