/**
 * Arguments of programs without the secrets in them. What follows a name that says so, what is in a URL, what is known by
 * its form and what looks random becomes [REDACTED]. When in doubt it goes: an argument less is a smaller loss than a
 * password that is stored for years. What says nothing of itself, such as a common word as a password, cannot be seen.
 */
import { isHarmless } from './harmless.ts';
import { kindOf } from './names.ts';
import { type Habits, habitsOf } from './programs.ts';
import { looksLikePassword } from './random.ts';
import { REDACTED, redactText, redactValue } from './text.ts';

/** Words within words: `sh -c "…"` in one of its own, no deeper. */
const DEEPEST = 3;

export function redactArguments(given: readonly string[]): string[] {
  return redactList(given, 0);
}

/** What is known from the words before. */
interface State {
  habits: Habits;
  /** The next one is a secret; `key`: when it looks like one. `account`: it has one. */
  next: 'secret' | 'key' | 'account' | 'letter' | 'digest' | undefined;
  hasLogin: boolean;
}

function redactList(given: readonly string[], depth: number): string[] {
  const state: State = { habits: {}, next: undefined, hasLogin: false };
  const shown = given.map((word) => {
    state.habits = habitsOf(word) ?? state.habits;
    return redactWord(word, state, depth);
  });
  const { lastWith } = state.habits;
  if (lastWith && given.length > 2 && given.some((word) => lastWith.test(word))) shown[shown.length - 1] = REDACTED;
  return shown;
}

function redactWord(word: string, state: State, depth: number): string {
  const { next } = state;
  state.next = undefined;
  if (next && !isFlag(word)) return redactExpected(word, next, state, depth);
  const option = /^(--?[A-Za-z][\w.-]*|\/[a-z]+)(?:([=:])(.*))?$/s.exec(word);
  if (!option) return /^-[A-Za-z]./s.test(word) ? redactAttached(word, state, depth) : redactOther(word, state, depth);
  const [, name = '', sign, value] = option;
  if (/^-[A-Za-z]./.test(word) && (isOfLetter(word, state) || kindOf(name) !== 'secret'))
    return redactAttached(word, state, depth);
  if (value !== undefined && sign) return name + sign + redactBehind(name, value, state, depth);
  state.next = expectedBehind(name, state);
  return word.length > 20 ? redactText(word) : word;
}

function redactExpected(word: string, next: NonNullable<State['next']>, state: State, depth: number): string {
  if (next === 'secret') return isHarmless(word) ? word : REDACTED;
  if (next === 'key') return redactValue('key', word) === REDACTED ? REDACTED : redactOther(word, state, depth);
  if (next === 'digest' && /^[0-9a-f]{32,64}$/.test(word)) return word;
  if (next === 'letter') return isSurely(word) ? REDACTED : redactOther(word, state, depth);
  return redactAccount(word, state) ?? redactOther(word, state, depth);
}

/** Behind -p of a program that is not known: a port, a path, a name of a project, or a password. */
function isSurely(word: string): boolean {
  return looksLikePassword(word) && !/[/\\]|^[\d.:,-]+$|^[\w.-]+\.[a-z]{1,4}$|^[\w.-]+:\d+|^[a-z-]+-\d+$/.test(word);
}

function redactBehind(name: string, value: string, state: State, depth: number): string {
  const shown = redactValue(name, value);
  if (shown === REDACTED) return shown;
  const account = isAccountName(name) ? redactAccount(value, state) : undefined;
  if (account !== undefined) return account;
  const [, inner, rest] = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(value) ?? [];
  if (inner !== undefined && redactValue(inner, rest ?? '') === REDACTED) return `${inner}=${REDACTED}`;
  // The name decides about what is only long: a digest is no secret.
  const whole = redactText(`${name}=${value}`);
  return whole.startsWith(`${name}=`) && !/\s/.test(value)
    ? whole.slice(name.length + 1)
    : redactOther(value, state, depth);
}

function expectedBehind(flag: string, { habits, hasLogin }: State): State['next'] {
  if (/^-[A-Za-z]$/.test(flag)) {
    const letter = flag.slice(1);
    if (habits.letters?.includes(letter)) return habits.place === 'behind' ? undefined : 'secret';
    if (letter === 'p' && hasLogin) return 'secret';
    if (letter === 'p' || letter === 'P') return 'letter';
    return isAccountName(flag) || (letter === 'a' && habits.account) ? 'account' : undefined;
  }
  if (isAccountName(flag)) return 'account';
  if (kindOf(flag) === 'secret') return 'secret';
  if (kindOf(flag) === 'key') return 'key';
  return kindOf(flag) === 'digest' ? 'digest' : undefined;
}

/** With this program, what is behind this letter is a secret. */
function isOfLetter(word: string, { habits, hasLogin }: State): boolean {
  const letter = word[1] ?? '';
  if (habits.letters?.includes(letter)) return habits.place !== 'next';
  return letter === 'p' && hasLogin;
}

/** `-pSECRET` */
function redactAttached(word: string, state: State, depth: number): string {
  const letter = word[1] ?? '';
  const value = word.slice(2);
  if (isOfLetter(word, state) && !isHarmless(value)) return `-${letter}${REDACTED}`;
  if (letter === 'p' && isSurely(value)) return `-p${REDACTED}`;
  const account = /[uU]/.test(letter) ? redactAccount(value, state) : undefined;
  if (account !== undefined) return `-${letter}${account}`;
  if (/^-[a-z]+$/.test(word)) state.next = expectedBehind(`-${word}`, state);
  // -Dname=value and -Hname:value are what they would be without the letter.
  return /[=:\s]/.test(value) ? `-${letter}${redactOther(value, state, depth)}` : redactText(word);
}

function isAccountName(flag: string): boolean {
  return /^--?(?:u|U|user|proxy-user|userpwd|username|creds|login|auth-user)$/.test(flag);
}

/** USER:PASSWORD, and not the user and group that many programs run as. Undefined: it has no account. */
function redactAccount(word: string, { habits }: State): string | undefined {
  const isOfThisProgram = habits.account?.exec(word);
  if (isOfThisProgram) return word.replace(habits.account as RegExp, `$1${REDACTED}`);
  const [, user, password] = /^([^:\s]+:)([\s\S]+)$/.exec(word) ?? /^([^%\s]+%)([\s\S]+)$/.exec(word) ?? [];
  if (user === undefined || password === undefined) return undefined;
  return /^(?:[a-z_][a-z_-]*|\d+)$/.test(password) || /^\/\//.test(password) ? undefined : user + REDACTED;
}

function redactOther(word: string, state: State, depth: number): string {
  const { habits } = state;
  if (habits.words?.includes(word.toLowerCase())) state.next = 'secret';
  if (word === 'login') state.hasLogin = true;
  // aws configure set aws_secret_access_key X
  if (
    /^[a-z]+(?:[_-][a-z]+)+$/.test(word) &&
    /[_-](?:key|token|password|secret)$/.test(word) &&
    kindOf(word) === 'secret'
  )
    state.next = 'letter';
  const whole = /^(["']?[A-Za-z_][\w.-]*)(=|:\s*(?!\/\/))(.+)$/s.exec(word);
  if (whole && !isScript(whole[3] as string) && redactValue(whole[1] as string, whole[3] as string) === REDACTED)
    return `${whole[1]}${whole[2]}${REDACTED}`;
  const account =
    habits.account && !/[=\s]/.test(word) && habits.letters === undefined ? redactAccount(word, state) : undefined;
  if (account !== undefined) return account;
  const shown = redactText(word);
  return /\s/.test(shown) && depth < DEEPEST ? redactLine(shown, depth + 1) : shown;
}

/** A value has commands behind it: then it is one of a script. */
function isScript(value: string): boolean {
  return /;\s|&&|\|\|/.test(value);
}

/** Words as a shell has them; what is between them stays. */
const words = /(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\\[\s\S]|[^\s"'\\;|&()])+/g;

function redactLine(line: string, depth: number): string {
  const given = line.match(words) ?? [];
  const shown = redactList(given.map(withoutQuotes), depth);
  let at = 0;
  return line.replace(words, (word) => {
    const before = withoutQuotes(word);
    const after = shown[at++] as string;
    return after === before ? word : word.replace(before, () => after);
  });
}

function withoutQuotes(word: string): string {
  return /^(["'])(.*)\1$/s.exec(word)?.[2] ?? word;
}

function isFlag(word: string): boolean {
  return /^--?[a-z][a-z-]*(?:=|$)/.test(word) && !looksLikePassword(word.replace(/^-+/, ''));
}
