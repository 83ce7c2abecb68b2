/** `sockflow check`: what this host lets the agent see, asked in the same ways as at start, and then let go. */
import { isatty } from 'node:tty';
import type { Options } from '../cli/options.ts';
import type { Log } from '../log.ts';
import { checkCapture } from './capture.ts';
import { checkHostGroup } from './host.ts';
import { checkNames } from './names.ts';
import { checkOutputs } from './outputs.ts';
import { formatText, isComplete } from './report.ts';
import { checkSight } from './sight.ts';

export interface Checked {
  /** For stdout. */
  readonly text: string;
  /** Nothing that was asked for is missing. */
  readonly isComplete: boolean;
}

/** Never rejects for what the host or a server does. `version`: of the agent. */
export async function check(options: Options, log: Log, version: string): Promise<Checked> {
  const groups = [
    checkHostGroup(),
    await checkCapture(options),
    checkSight(options),
    await checkNames(options, log),
    await checkOutputs(options),
  ];
  const isColoured = isatty(1) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const text =
    options.format === 'json'
      ? `${JSON.stringify({ version, complete: isComplete(groups), groups }, undefined, 2)}\n`
      : formatText(groups, `sockflow ${version}`, isColoured);
  return { text, isComplete: isComplete(groups) };
}
