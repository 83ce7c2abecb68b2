/**
 * What a command line may not say, each in one sentence. The parser behind is more patient than people deserve: it takes
 * `--tcp=maybe` for false and `-t5` for a value.
 */
import { UsageError } from '../errors.ts';
import { sanitise } from '../export/text/sanitise.ts';
import { commands } from './commands.ts';
import { nearest } from './nearest.ts';
import { entries, type Option, optionName } from './options.ts';

const byName = new Map<string, Option<unknown>>(
  entries.flatMap(([key, option]) => [optionName(key), ...option.aliases].map((name) => [name, option] as const)),
);
const longNames = [...byName.keys(), 'help', 'version'].filter((name) => name.length > 1);
const plainFlags: readonly string[] = ['help', 'version', 'h'];

/**
 * Short options that take a value, in the long words: `-tz X`, `-z X`, `-zX` and `-z=X` as `--zmq X`. The parser behind would
 * read the letters of X as flags.
 */
export function spellOut(tokens: readonly string[]): string[] {
  return tokens.flatMap((token) => {
    const letters = /^-[^-]/.test(token) ? [...token.slice(1)] : [];
    const at = letters.findIndex((letter) => takesValue(letter) || !byName.has(letter));
    const [key] =
      entries.find(([, option]) => takesValue(letters[at]) && option.aliases.includes(letters[at] ?? '')) ?? [];
    if (key === undefined) return [token];
    const value = letters
      .slice(at + 1)
      .join('')
      .replace(/^=/, '');
    const before = at > 0 ? [`-${letters.slice(0, at).join('')}`] : [];
    return [...before, `--${optionName(key)}`, ...(value === '' ? [] : [value])];
  });
}

function takesValue(letter = ''): boolean {
  const kind = byName.get(letter)?.kind;
  return kind !== undefined && kind.type !== 'flag';
}

/** Throws a UsageError for the first token that isn't an option or the value of one. */
export function checkTokens(tokens: readonly string[]): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? '';
    if (token === '--') index += refuseRest(tokens[index + 1]);
    else if (token.startsWith('--')) index += checkLong(token, tokens[index + 1]);
    else if (token.startsWith('-') && token.length > 1) checkShort(token);
    else refusePositional(token);
  }
}

/** Returns how many of the following tokens belong to this one. */
function checkLong(token: string, next: string | undefined): 0 | 1 {
  const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(token) ?? [];
  if (name.startsWith('no-') && isNegatable(name.slice(3))) return refuseValue(`--${name}`, value);
  if (name.length === 1) throw unknown(`--${name}`, name);
  if (plainFlags.includes(name)) return refuseValue(`--${name}`, value);
  const option = byName.get(name);
  if (!option) throw unknown(`--${name}`, name);
  if (option.kind.type === 'flag') return checkFlag(name, value);
  // Of a list the parser would say in its own words that it is empty.
  const isMissing =
    value === undefined ? next === undefined || /^-\D/.test(next) : value === '' && option.kind.type === 'repeated';
  if (isMissing) throw new UsageError(`--${name} expects ${option.kind.expects}; none came`);
  return value === undefined ? 1 : 0;
}

function isNegatable(name: string): boolean {
  return name.length > 1 && byName.get(name)?.negatable === true;
}

function refuseValue(name: string, value: string | undefined): 0 {
  if (value !== undefined) throw new UsageError(`${name} takes no value, but ${quote(value)} came`);
  return 0;
}

function checkFlag(name: string, value: string | undefined): 0 {
  if (value === undefined || value === 'true' || value === 'false') return 0;
  throw new UsageError(`--${name} expects no value, or =true or =false, not ${quote(value)}`);
}

function checkShort(token: string): void {
  for (const letter of token.slice(1)) {
    if (plainFlags.includes(letter) || byName.get(letter)?.kind.type === 'flag') continue;
    throw unknown(token.length === 2 ? token : `-${letter} (in ${quote(token)})`, token.replace(/^-/, ''));
  }
}

function unknown(shown: string, name: string): UsageError {
  const near = nearest(name, longNames);
  const question = near ? `; did you mean --${near}?` : '; sockflow --help lists them';
  return new UsageError(`${printable(shown)} is not an option${question}`);
}

/** Behind a lone `--` nothing is an option. */
function refuseRest(token: string | undefined): 0 {
  return token === undefined ? 0 : refusePositional(token);
}

function refusePositional(token: string): never {
  const usage = token === 'replay' ? 'replay FILE [options]' : `${token} [options]`;
  if (Object.hasOwn(commands, token)) throw new UsageError(`${token} comes first: sockflow ${usage}`);
  throw new UsageError(`${quote(token)} is not expected${hint(token)}`);
}

function hint(token: string): string {
  const near = nearest(token, [...longNames, ...Object.keys(commands)]);
  if (!near) return '; sockflow --help lists commands and options';
  return `; did you mean ${Object.hasOwn(commands, near) && !byName.has(near) ? near : `--${near}`}?`;
}

/** What a user typed, so that it stays on the line and its ends can be seen. */
export function quote(text: string): string {
  return `"${printable(text)}"`;
}

/** On one line, and not too long: what came from a user, or is made of that. */
export function printable(text: string, most = 60): string {
  const clean = sanitise(text.slice(0, most));
  // What cannot be shown as it is takes several characters for each.
  const shown = clean.slice(0, 2 * most);
  return text.length > most || shown.length < clean.length ? `${shown}…` : shown;
}
