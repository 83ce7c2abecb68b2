/** Reads ava's TAP report, line by line as it comes. */

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly title: string;
  readonly outcome: Outcome;
  /** What the test logged and, of a failure, what went wrong. */
  readonly details: readonly string[];
}

export interface TapSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** False when the report broke off before its plan (`1..N`). */
  readonly complete: boolean;
}

const testLine = /^(not )?ok \d+ - (.*?)( # (?:SKIP|TODO)\b.*)?$/;

export async function readTap(lines: AsyncIterable<string>, onResult: (result: Result) => void): Promise<TapSummary> {
  const count = { passed: 0, failed: 0, skipped: 0 };
  let complete = false;
  let current: { title: string; outcome: Outcome; details: string[] } | undefined;
  const finish = () => {
    if (!current) return;
    count[current.outcome]++;
    onResult(current);
    current = undefined;
  };
  for await (const line of lines) {
    const started = parseTestLine(line);
    if (started || isPlan(line)) finish();
    complete ||= isPlan(line);
    if (started) current = { ...started, details: [] };
    else if (isDetail(line)) current?.details.push(line);
  }
  finish();
  return { ...count, complete };
}

function parseTestLine(line: string): { title: string; outcome: Outcome } | undefined {
  const [matched, not, title = '', directive] = testLine.exec(line) ?? [];
  if (matched === undefined) return undefined;
  if (directive) return { title, outcome: 'skipped' };
  return { title, outcome: not ? 'failed' : 'passed' };
}

function isPlan(line: string): boolean {
  return /^1\.\.\d+/.test(line);
}

/** Not the marks around the YAML block, which say nothing. */
function isDetail(line: string): boolean {
  return /^(?: {2}|#)/.test(line) && !/^ {2}(?:---|\.\.\.)$/.test(line);
}
