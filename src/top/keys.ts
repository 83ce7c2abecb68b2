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

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal sends.
const begun = /\x1b(?:\[[0-?]*[ -/]*|O)?$/;

/** Milliseconds. Who presses Esc waits so long for it. */
const PATIENCE = 50;

/** Keys of a terminal far away, whose sequences may come in pieces. `onKeys` is not called without a key. */
export function createKeyReader(onKeys: (keys: readonly Key[]) => void): (text: string) => void {
  let rest = '';
  let timer: NodeJS.Timeout | undefined;
  const give = (text: string): void => {
    const keys = readKeys(text);
    if (keys.length > 0) onKeys(keys);
  };
  return (text) => {
    clearTimeout(timer);
    const all = rest + text;
    const end = begun.exec(all)?.index ?? all.length;
    rest = all.slice(end);
    if (rest !== '')
      timer = setTimeout(() => {
        const alone = rest;
        rest = '';
        give(alone);
      }, PATIENCE);
    give(all.slice(0, end));
  };
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
