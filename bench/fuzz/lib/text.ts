/** Texts that were damaged, by words that mean something where they are read. */
import { damage } from './bytes.ts';
import type { Random } from './random.ts';

/** What people and attackers put anywhere. */
const anywhere = [
  '',
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\0',
  '"',
  "'",
  '\\',
  '/',
  '//',
  ':',
  '.',
  '-',
  '_',
  '=',
  ',',
  '%',
  '*',
  '[',
  ']',
  '{',
  '}',
];
const others = [
  '\x1b]0;x\x07',
  '\u202e',
  'é',
  '🚀',
  '\ud800',
  '__proto__',
  'constructor',
  'null',
  'NaN',
  '-1',
  '1e999',
  '18446744073709551616',
];

/** `words`: of the language that is read. The result is text in UTF-8, mostly. */
export function damagedText(seeds: readonly Buffer[], words: readonly string[], random: Random): Buffer {
  const kind = random.below(16);
  if (kind === 0) return Buffer.from(sentence(words, random));
  const seed = Buffer.from(random.pick(seeds));
  if (kind === 1) return seed;
  if (kind < 5) return damage(seed, random, seeds, 1 + random.below(5));
  return Buffer.from(changeText(seed.toString(), words, random));
}

/** Words alone, as nobody would put them together. */
export function sentence(words: readonly string[], random: Random): string {
  return Array.from({ length: random.below(24) }, () => anyWord(words, random)).join('');
}

export function changeText(text: string, words: readonly string[], random: Random): string {
  let changed = text;
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(changed.length + 1);
    const length = random.oneIn(2) ? 0 : random.below(random.oneIn(4) ? 64 : 4);
    changed = changed.slice(0, at) + someWords(words, random) + changed.slice(at + length);
  }
  return changed;
}

function someWords(words: readonly string[], random: Random): string {
  const word = anyWord(words, random);
  return random.oneIn(64) ? word.repeat(random.below(400)) : word;
}

function anyWord(words: readonly string[], random: Random): string {
  const kind = random.below(8);
  if (kind === 0) return random.pick(others);
  return random.pick(kind < 3 || words.length === 0 ? anywhere : words);
}
