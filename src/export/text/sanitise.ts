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

/** The same for JSON, in its own escapes: what is read is what was written. `json` is JSON already. */
export function sanitiseJson(json: string): string {
  return notPlain.test(json) ? json.replace(unsafe, escapeUnits) : json;
}

function escapeUnits(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function makeVisible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}
