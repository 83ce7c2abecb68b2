/** Counts in text files that may be larger than any string. */
import { createReadStream, existsSync } from 'node:fs';

const PIECE_BYTES = 2 ** 20;

export async function occurrences(file: string, pattern: RegExp, pieceBytes = PIECE_BYTES): Promise<number> {
  let count = 0;
  for await (const _ of matches(file, pattern, pieceBytes)) count++;
  return count;
}

/** How many different things the groups of the pattern found. */
export async function distinct(file: string, pattern: RegExp, pieceBytes = PIECE_BYTES): Promise<number> {
  const found = new Set<string>();
  for await (const [, ...groups] of matches(file, pattern, pieceBytes)) found.add(groups.join(' '));
  return found.size;
}

/** All that matches a global pattern within one line; nothing of a file that is not there. */
async function* matches(file: string, pattern: RegExp, pieceBytes: number): AsyncGenerator<RegExpExecArray> {
  if (!existsSync(file)) return;
  for await (const piece of wholeLines(file, pieceBytes)) yield* piece.matchAll(pattern);
}

/** The file in order, in pieces that end with a line or with the file. */
async function* wholeLines(file: string, pieceBytes: number): AsyncGenerator<string> {
  let open: string[] = [];
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: pieceBytes })) {
    const end = chunk.lastIndexOf('\n') + 1;
    if (end > 0) {
      yield open.join('') + chunk.slice(0, end);
      open = [];
    }
    open.push(chunk.slice(end));
  }
  yield open.join('');
}
