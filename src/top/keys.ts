/** From what a terminal sends to names of keys. */

/** A character as itself; others by name. `^C`: with Ctrl. */
export type Key = string;

const sequences: Readonly<Record<string, Key>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  '[1~': 'home',
  '[4~': 'end',
  '[7~': 'home',
  '[8~': 'end',
  '[5~': 'page up',
  '[6~': 'page down',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
};

const controls: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
};

/** One of: a control sequence (CSI), what function keys send (SS3), a character behind Esc, or a character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal sends.
const token = /\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b[^\x1b]?|[^\x1b]/gsu;

/** Unknown sequences are no keys. */
export function readKeys(text: string): Key[] {
  return [...text.matchAll(token)].flatMap(([found]) => toKey(found));
}

function toKey(found: string): Key[] {
  if (found === '\x1b') return ['escape'];
  if (found.startsWith('\x1b')) {
    const key = sequences[found.slice(1)];
    return key ? [key] : [];
  }
  const named = controls[found];
  if (named) return [named];
  const code = found.codePointAt(0) ?? 0;
  return [code < 0x20 ? `^${String.fromCharCode(code + 0x40)}` : found];
}
