/** Columns that text takes on a terminal, and cutting it to fit. For text that `sanitise` has passed. */

const ascii = /^[\x20-\x7e]*$/;
const mark = /\p{M}/u;
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  return [...text].reduce((sum, character) => sum + characterWidth(character), 0);
}

function characterWidth(character: string): 0 | 1 | 2 {
  if (mark.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Cuts the middle out: both ends of a name say more than its centre. `sign` stands for what is missing. */
export function cutMiddle(text: string, width: number, sign: string): string {
  if (displayWidth(text) <= width) return text;
  const room = Math.max(0, width - sign.length);
  const characters = [...text];
  return take(characters, Math.ceil(room / 2)) + sign + takeLast(characters, Math.floor(room / 2));
}

/** What has room of the end. */
export function cutStart(text: string, width: number): string {
  return displayWidth(text) <= width ? text : takeLast([...text], width);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
const colour = /\x1b\[[0-9;]*m/g;

/** Cuts the end off a line that may have colours, all of which stay. */
export function cutEnd(line: string, width: number): string {
  if (displayWidth(line.replace(colour, '')) <= width) return line;
  let left = width;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
  const parts = line.split(/(\x1b\[[0-9;]*m)/);
  return parts
    .map((part, index) => {
      if (index % 2 === 1) return part;
      const shown = take([...part], left);
      left -= displayWidth(shown);
      return shown;
    })
    .join('');
}

function take(characters: readonly string[], width: number): string {
  let left = width;
  const end = characters.findIndex((character) => {
    left -= characterWidth(character);
    return left < 0;
  });
  return characters.slice(0, end < 0 ? characters.length : end).join('');
}

function takeLast(characters: readonly string[], width: number): string {
  return [...take([...characters].reverse(), width)].reverse().join('');
}
