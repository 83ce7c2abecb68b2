/**
 * The edge between the names that others choose and a terminal: nothing that passes here can move the cursor, end the
 * line, hide characters or reverse what follows. Applied where text leaves, so data stays as it is.
 */

/**
 * Controls (C0, DEL, C1), formats (bidirectional controls, zero width, tags), lone surrogates, line and paragraph
 * separators. U+034F and the variation selectors are marks, but invisible ones.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|\p{Variation_Selector}|\u034f/gu;
const notPlain = /[^\x20-\x7e]/;

/** An 8-bit terminal would read the bytes of UTF-8 as C1 controls, so without UTF-8 all but ASCII is escaped. */
const notAscii = /[^\x20-\x7e]/gu;

/** Makes what is unsafe visible: `\x1b`, `\u202e`, `\u{e0001}`. With `ascii`, everything that isn't ASCII. */
export function sanitise(text: string, ascii = false): string {
  return notPlain.test(text) ? text.replace(ascii ? notAscii : unsafe, makeVisible) : text;
}

function makeVisible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}
