/**
 * Patterns in which `*` stands for any characters; large and small letters are the same. No regular expression: with several `*`
 * one would try every way to divide a name between them, and whoever chooses a long name could make that take for ever.
 */

export function createGlob(pattern: string): (text: string) => boolean {
  const parts = pattern.toLowerCase().split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return (text) => text.toLowerCase() === first;
  return (given) => {
    const text = given.toLowerCase();
    const end = text.length - last.length;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    // The first place where a part is leaves most room for those behind it.
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}
