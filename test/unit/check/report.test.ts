import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Group, judge } from '../../../src/check/finding.ts';
import { capabilities } from '../../../src/check/host.ts';
import { formatText, isComplete } from '../../../src/check/report.ts';

const question = { name: 'a thing', purpose: 'to do it', lost: 'that', remedy: 'get one' };

function group(isThere: boolean, isNeeded: boolean, found?: string): Group {
  return { title: 'Things', findings: [judge({ ...question, isThere, isNeeded, found })] };
}

test('what is there is one thing and what it is for', (t) => {
  const groups = [group(true, true, 'v1')];
  t.is(
    formatText(groups, 'title', false),
    'title\n\nThings\n  ok      a thing: v1\n          to do it\n\nNothing that was asked for is missing.\n',
  );
  t.true(isComplete(groups));
});

test('what is not there says what is lost and how to get it, in capitals when it was asked for', (t) => {
  const rest = '          to do it\n          without it: that\n          remedy: get one\n';
  t.is(
    formatText([group(false, true)], 'title', false),
    `title\n\nThings\n  MISSING a thing\n${rest}\nMissing: a thing.\n`,
  );
  t.false(isComplete([group(false, true)]));
  t.true(formatText([group(false, false)], 'title', false).includes(`  off     a thing\n${rest}`));
  t.true(isComplete([group(false, false)]));
});

test('lines end before column 80, an empty group is not shown, and what servers say stays text', (t) => {
  const long = judge({
    ...question,
    purpose: 'word '.repeat(40).trim(),
    isThere: true,
    isNeeded: true,
    found: 'a\x1b[31m\nb',
  });
  const text = formatText(
    [
      { title: 'Nothing', findings: [] },
      { title: 'Long', findings: [long] },
    ],
    'title',
    false,
  );
  for (const line of text.split('\n')) t.true(line.length < 80, line);
  t.false(text.includes('Nothing\n'));
  t.false(text.includes('\x1b'));
  t.is(text.split('\n').filter((line) => line.startsWith('  ok')).length, 1);
});

test('colour is for the state alone', (t) => {
  const text = formatText([group(false, true)], 'title', true);
  t.true(text.includes('\x1b[31mMISSING'));
});

test('the capabilities are those of the README', (t) => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
  const [, table = ''] = /^\| needs \|.*\n((?:\|.*\n)+)/m.exec(readme) ?? [];
  const names = [...table.matchAll(/^\| (CAP_[A-Z_]+(?:, CAP_[A-Z_]+)*) \|/gm)].flatMap(([, cell = '']) =>
    cell.split(', '),
  );
  t.deepEqual(
    capabilities.map(({ name }) => name),
    names as (typeof capabilities)[number]['name'][],
  );
});
