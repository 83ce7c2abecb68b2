/** What was found, for people and for programs. */
import pc from 'picocolors';
import { wrap } from '../cli/wrap.ts';
import { sanitise } from '../export/text/sanitise.ts';
import type { Finding, Group, State } from './finding.ts';

const WIDTH = 79;
const INDENT = 10;

const words: Readonly<Record<State, string>> = { ok: 'ok', partly: 'PARTLY', off: 'off', missing: 'MISSING' };

/** Nothing that was asked for is missing. */
export function isComplete(groups: readonly Group[]): boolean {
  return missing(groups).length === 0;
}

function missing(groups: readonly Group[]): Finding[] {
  return groups.flatMap(({ findings }) => findings).filter(({ state }) => state === 'missing');
}

export function formatText(groups: readonly Group[], title: string, isColoured: boolean): string {
  const colors = pc.createColors(isColoured);
  const paint: Readonly<Record<State, (text: string) => string>> = {
    ok: colors.green,
    partly: colors.yellow,
    off: colors.dim,
    missing: colors.red,
  };
  const blocks = groups
    .filter(({ findings }) => findings.length > 0)
    .map((group) =>
      [colors.bold(group.title), ...group.findings.flatMap((finding) => formatFinding(finding, paint))].join('\n'),
    );
  const lacking = missing(groups).map(({ name }) => name);
  const end = lacking.length === 0 ? 'Nothing that was asked for is missing.' : `Missing: ${lacking.join('; ')}.`;
  return `${[title, ...blocks, end].join('\n\n')}\n`;
}

function formatFinding(finding: Finding, paint: Readonly<Record<State, (text: string) => string>>): string[] {
  const { state, name, purpose, found, lost, remedy } = finding;
  const mark = paint[state](words[state].padEnd(INDENT - 2));
  const head = `  ${mark}${name}${found === undefined ? '' : `: ${sanitise(found)}`}`;
  const why = [
    purpose,
    ...(lost === undefined ? [] : [`without it: ${lost}`]),
    ...(remedy === undefined ? [] : [`remedy: ${remedy}`]),
  ];
  return [
    head,
    ...(state === 'ok' ? why.slice(0, 1) : why).flatMap((line) =>
      wrap(sanitise(line), WIDTH - INDENT).map((row) => ' '.repeat(INDENT) + row),
    ),
  ];
}
