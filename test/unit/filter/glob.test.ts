import test from 'ava';
import { createGlob } from '../../../src/filter/glob.ts';

test('a star is any characters, or none; large and small letters are the same', (t) => {
  const rows: [pattern: string, text: string, matches: boolean][] = [
    ['nginx', 'nginx', true],
    ['nginx', 'nginx2', false],
    ['NGINX', 'nginx', true],
    ['*', '', true],
    ['*', 'a\nb', true],
    ['a*', 'a', true],
    ['*b', 'ab', true],
    ['a*b', 'ab', true],
    ['a*b', 'axxb', true],
    ['a*b', 'axxbx', false],
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['*a*a*', 'a', false],
    ['*a*a*', 'xaxax', true],
    ['a**b', 'acb', true],
    ['*.example.*', 'www.example.org', true],
    ['a.c', 'abc', false],
    ['[a-z]*', '[a-z]x', true],
  ];
  for (const [pattern, text, matches] of rows) t.is(createGlob(pattern)(text), matches, `${pattern} on ${text}`);
});

test('no name makes a pattern take long, however many stars it has', (t) => {
  const matches = createGlob(`${'*a'.repeat(64)}*b`);
  t.false(matches('a'.repeat(100_000)), 'a regular expression would try for longer than there is time');
});
