/** Secrets within one argument: pairs of a name and a value, URLs, what is known by its form, what looks random. */
import { isHarmless } from './harmless.ts';
import { kindOf } from './names.ts';
import { isUuid, looksLikePassword, looksRandom } from './random.ts';
import { redactShapes } from './shapes.ts';

export const REDACTED = '[REDACTED]';

export function redactText(text: string): string {
  const hasNames = /[=:]/.test(text);
  if (!hasNames && text.length < SHORTEST) return text;
  const whole = text.includes('@') ? redactAccounts(text) : text;
  const shown = redactShapes(whole, REDACTED);
  return redactRandom(hasNames ? redactPairs(shown) : shown);
}

/** What is shorter is known by its name alone. */
const SHORTEST = 12;

/** The value of what has this name, or what may be shown of it. */
export function redactValue(name: string, value: string): string {
  if (value.startsWith(REDACTED) && value.endsWith(REDACTED)) return value;
  if (kindOf(name) === 'secret') return isHarmless(value) ? value : REDACTED;
  if (
    kindOf(name) === 'key' &&
    looksLikePassword(value) &&
    !isHarmless(value) &&
    value.length >= 8 &&
    !/[/.\s]/.test(value)
  )
    return REDACTED;
  return kindOf(name) === 'digest' && /^[0-9a-f]{32,64}$/i.test(value) ? KEPT + value : value;
}

/** Stands before what is not to be looked at again, until all is done. */
const KEPT = '\u0000';

/** USER:PASSWORD@HOST, in a URL and without one. */
function redactAccounts(text: string): string {
  return text
    .replace(/([a-z][\w+.-]{0,30}:\/\/)([^\s/?#"'<>]*)@/gi, (_, scheme, account) => `${scheme}${shownOf(account)}@`)
    .replace(
      /(:\/\/)([^\s:/@?#"']+):(?!\d{1,5}(?:[/?#]|$))([^\s@"']*)@(?=[\w[])/g,
      (_, slashes, user, password) => `${slashes}${shownOf(`${user}:${password}`)}@`,
    )
    .replace(/(\bjdbc:oracle:\w+:[\w$#]+\/)[^\s@/]+(?=@)/g, `$1${REDACTED}`)
    .replace(
      /(^|[\s"'=(,])([\w.%+-]{1,64}):([^\s@/"':[\]]{2,}|[^\s@"':[\]]{2,})@(?!sha\d+:)(?=[\w(])/g,
      (_, before, user, password) => `${before}${shownOf(`${user}:${password}`)}@`,
    );
}

/** Of the part before the @. Where there is no password, the name may be a token. */
function shownOf(account: string): string {
  const [user = '', ...password] = account.split(':');
  const isPlain = /^[a-z][a-z._-]{0,20}\d{0,3}$/i.test(user) && !looksRandom(user);
  const shown = user === '' || isPlain ? user : REDACTED;
  return password.join(':') === '' ? shown : `${shown}:${REDACTED}`;
}

/** A value in quotes; else up to a space, a quote, or a sign behind which the next pair begins. */
const value = String.raw`\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|"(?:[^"\\]|\\.)*"?|'[^']*'?|(?:\[REDACTED\]|(?![&;,]\s*[\w.%-]+=|[;,&]?(?:\s|$)|["'\x60<>)}\]])[\s\S])+`;
const pair = new RegExp(
  String.raw`(["']?)([A-Za-z_/][\w.%:/-]{0,60}?(?:\[\w*\])?(?: [Kk]ey| [Pp]assword)?)\1(\s*(?:=>|:=|=|:(?!\/\/))\s*)(${value})`,
  'g',
);

/** Values that have pairs of their own, in a query of a URL of an option, and so on. */
const DEEPEST = 4;

function redactPairs(text: string, depth = 0): string {
  return text.replace(pair, (whole, quote, name, sign, given) => {
    const shown = redactValue(name, given);
    if (shown !== given) return `${quote}${name}${quote}${sign}${shown === REDACTED ? inQuotes(given) : shown}`;
    const isDeep = depth < DEEPEST && /[=:]/.test(given);
    return isDeep ? `${quote}${name}${quote}${sign}${redactPairs(given, depth + 1)}` : whole;
  });
}

function inQuotes(given: string): string {
  const quote = /^["']/.exec(given)?.[0] ?? '';
  return `${quote}${REDACTED}${quote}`;
}

/** Of base64 a slash is part, of a path it is not. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it stands before what is kept.
const run = /\u0000?(?:sha\d+:)?[A-Za-z0-9+/_-]{20,}={0,2}/g;

function redactRandom(text: string): string {
  const redacted = text.replace(run, (token, at: number, all: string) => {
    if (token.startsWith(KEPT) || /^sha\d+:/.test(token) || isPartOfMark(token, at, all)) return token;
    return redactRun(token);
  });
  return redacted.replaceAll(KEPT, '');
}

function redactRun(token: string): string {
  if (!token.includes('/')) return redactWord(token);
  if (!isPath(token) && looksRandom(token)) return REDACTED;
  return token.split('/').map(redactWord).join('/');
}

function redactWord(word: string): string {
  if (isUuid(word) || isWords(word)) return word;
  return looksRandom(word) ? REDACTED : word;
}

/** Names in kebab or snake case, of which a part may be the hash of a pod. */
function isWords(text: string): boolean {
  const parts = text.split(/[-_]/);
  const words = parts.filter((part) => /^[A-Z]?[a-z]{2,}\d{0,3}$|^[A-Z]{2,}\d{0,3}$|^\d{1,4}$|^v\d+$/.test(part));
  return parts.length > 2 && words.length >= parts.length - 2 && parts.every((part) => part.length < 20);
}

function isPath(text: string): boolean {
  const parts = text.split('/').filter((part) => part !== '');
  const words = parts.filter((part) => /^[a-z][a-z_-]+$|^[A-Z][a-z]+$/.test(part));
  return words.length * 2 >= parts.length;
}

function isPartOfMark(token: string, at: number, all: string): boolean {
  return token.includes('REDACTED') && all[at - 1] === '[';
}
