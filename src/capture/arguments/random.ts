/**
 * Whether a text looks as if it had been made by chance. Words, even in camel case, rarely change between small letters,
 * capitals and digits; what is random does so at each second character.
 */
const SHORTEST = 20;
const SHORTEST_HEX = 32;

/** Share of neighbours that are of different classes, where there are digits. */
const CHANGES = 0.25;
/** Share of the capitals among letters, or of the small ones. */
const MIXED = 0.3;
/** Of random letters a fifth are vowels, of words a third and more. */
const VOWELS = 0.24;
const SHORTEST_OF_LETTERS = 24;
const BITS = 3;

/** `text`: letters, digits and + / = _ - alone. */
export function looksRandom(text: string): boolean {
  const plain = text.replace(/=+$/, '');
  if (plain.length < SHORTEST || isUuid(plain)) return false;
  if (/^[0-9a-f]+$/i.test(plain)) return plain.length >= SHORTEST_HEX && /[a-f]/i.test(plain) && /\d/.test(plain);
  const letters = plain.replace(/[^A-Za-z0-9]/g, '');
  const digits = letters.replace(/\D/g, '').length;
  // Digits with signs between are dates, versions and numbers of telephones.
  if (letters.length < SHORTEST * 0.75 || digits === letters.length) return false;
  if (bitsIn(plain) < BITS) return false;
  return isMixed(letters) || (digits > 1 && changesIn(letters) >= CHANGES) || isWithoutVowels(letters);
}

/** Not random enough by itself, and no word either: enough where something else says that it may be a secret. */
export function looksLikePassword(text: string): boolean {
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((one) => one.test(text)).length;
  return (
    text.length >= 6 && classes >= 2 && /[a-zA-Z]/.test(text) && /[\d!@#$%^&*?+=~]|[a-z][A-Z].*[a-z][A-Z]/.test(text)
  );
}

function isMixed(text: string): boolean {
  const capitals = text.replace(/[^A-Z]/g, '').length;
  const small = text.replace(/[^a-z]/g, '').length;
  return Math.min(capitals, small) / (capitals + small) >= MIXED;
}

function isWithoutVowels(text: string): boolean {
  const vowels = text.replace(/[^aeiou]/gi, '').length;
  return text.length >= SHORTEST_OF_LETTERS && /^(?:[a-z]+|[A-Z]+)$/.test(text) && vowels / text.length < VOWELS;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

function changesIn(text: string): number {
  let changes = 0;
  for (let at = 1; at < text.length; at++) if (classOf(text, at) !== classOf(text, at - 1)) changes++;
  return changes / (text.length - 1);
}

function classOf(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code <= 0x39) return 0;
  return code <= 0x5a ? 1 : 2;
}

/** Shannon's, of a character. */
function bitsIn(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
