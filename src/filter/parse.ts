/**
 * `--filter`: words with spaces between, all of which must hold; `!` before one turns it round; `"…"` around a value that
 * has spaces. docs/filter.md
 */
import { nearest } from '../cli/nearest.ts';
import { flags, type Operator, type Test, terms } from './terms.ts';

/** What is wrong with it, in words that complete "… is no filter: ". */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

/** Throws a FilterError. An empty text lets all pass. */
export function parseFilter(text: string): Test {
  const tests = tokensOf(text).map(parseToken);
  const [only] = tests;
  if (only && tests.length === 1) return only;
  return (subject) => tests.every((test) => test(subject));
}

function tokensOf(text: string): string[] {
  const tokens: string[] = text.match(/(?:"[^"]*"|[^\s"])+|"/g) ?? [];
  if (tokens.includes('"')) throw new FilterError('a " has no other one');
  return tokens;
}

function parseToken(token: string): Test {
  const isTurned = token.startsWith('!');
  const test = parseWord(isTurned ? token.slice(1) : token);
  return isTurned ? (subject) => !test(subject) : test;
}

function parseWord(word: string): Test {
  const [, name = '', operator, value = ''] = /^([a-z]*)(>=|<=|=|>|<)?(.*)$/s.exec(word) ?? [];
  if (operator === undefined) return flagOf(word);
  if (!Object.hasOwn(terms, name)) throw unknown(name, `${name}${operator}`);
  return termOf(name, operator as Operator, value.replace(/^"(.*)"$/s, '$1'));
}

function flagOf(word: string): Test {
  const test = Object.hasOwn(flags, word) ? flags[word] : undefined;
  if (test) return test;
  if (Object.hasOwn(terms, word)) throw new FilterError(`${word} needs a value: ${word}=…`);
  throw unknown(word, word);
}

function termOf(name: string, operator: Operator, value: string): Test {
  const term = terms[name] as (typeof terms)[string];
  if (!term.operators.includes(operator)) throw new FilterError(`${name} takes = only, not ${operator}`);
  const test = term.make(value, operator);
  if (!test) throw new FilterError(`${name}${operator} expects ${term.expects}, not "${value}"`);
  return test;
}

function unknown(name: string, shown: string): FilterError {
  const names = [...Object.keys(terms), ...Object.keys(flags)];
  const near = nearest(name, names);
  const question = near ? `did you mean ${near}?` : `there are ${names.join(', ')}`;
  return new FilterError(`${shown || '!'} is none of its words; ${question}`);
}
