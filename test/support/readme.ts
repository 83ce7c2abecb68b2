/**
 * The code blocks of a Markdown file, and what their HTML comments ask the tests to do with them:
 *
 *   no comment, ```sh            each line is a command of the agent (`npm start …`, `bin/sockflow …`, with or without
 *                                sudo): it must start, or, if it ends by itself, succeed
 *   <!-- untested: WHY -->       not run
 *   <!-- sample of: COMMAND -->  what COMMAND prints while the script of the next comment runs; numbers, times and
 *   <!-- while: SCRIPT -->       widths may differ, words may not
 *
 * The comments stand right above the block, one a line.
 */

export interface Block {
  /** Line of the file where the block begins, for messages. */
  line: number;
  language: string;
  /** By keyword. */
  comments: ReadonlyMap<string, string>;
  lines: readonly string[];
}

const FENCE = /^```(\w*)\s*$/;
const COMMENT = /^<!--\s*([\w ]+):\s*(.*?)\s*-->$/;

function commentsAbove(lines: readonly string[], fence: number): Map<string, string> {
  const comments = new Map<string, string>();
  for (let i = fence - 1; i >= 0; i--) {
    const found = COMMENT.exec(lines[i]?.trim() ?? '');
    if (!found) break;
    comments.set(found[1] ?? '', found[2] ?? '');
  }
  return comments;
}

export function codeBlocks(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const language = FENCE.exec(lines[i] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: the code block has no end`);
    blocks.push({ line: i + 1, language, comments: commentsAbove(lines, i), lines: lines.slice(i + 1, end) });
    i = end;
  }
  return blocks;
}

/** The commands of a shell block: without comments, continued lines joined, without the prompt and sudo. */
export function commands(block: Block): string[] {
  return block.lines
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .map((line) => line.replace(/^\$ /, '').replace(/^sudo (-E )?/, ''))
    .filter((line) => line !== '');
}

const ESCAPE = /[.*+?^${}()|[\]\\]/g;
/** A number with its unit, if it has one: 14, 1.4K, 0.2ms, 21:14:03.684. */
const NUMBER = /\d[\d.:,]*(?:µs|us|ms|min|[smhdKMGTB]\b)?/g;
const ANY_NUMBER = String.raw`\d[\d.:,]*(?:µs|us|ms|min|[smhdKMGTB]\b)?`;

/** Matches every line that says the same with other numbers and other widths. */
export function likeLine(sample: string): RegExp {
  const literal = (text: string) => text.replace(ESCAPE, String.raw`\$&`).replace(/\s+/g, String.raw`\s+`);
  const parts: string[] = [];
  let from = 0;
  for (const found of sample.trim().matchAll(NUMBER)) {
    parts.push(literal(sample.trim().slice(from, found.index)), ANY_NUMBER);
    from = found.index + found[0].length;
  }
  parts.push(literal(sample.trim().slice(from)));
  return new RegExp(`^\\s*${parts.join('')}\\s*$`);
}
