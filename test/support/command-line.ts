/** Command lines as a user types them, read without starting anything. */
import test from 'ava';
import type { Environment } from '../../src/cli/environment.ts';
import type { Options } from '../../src/cli/options.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { UsageError } from '../../src/errors.ts';

/** The options of a command line, as words with spaces between. */
export function parse(line: string, env: Environment = {}): Options {
  const command = parseCommandLine(line.split(' ').filter(Boolean), env);
  if (command.action !== 'run') throw new Error(command.action);
  return command.options;
}

/** That this line is refused with a UsageError of one line: exactly this message, or one like it. */
export const refuses = test.macro({
  exec(t, line: string, message: string | RegExp, env: Environment = {}) {
    const error = t.throws(() => parse(line, env), { instanceOf: UsageError });
    if (typeof message === 'string') t.is(error.message, message);
    else t.regex(error.message, message);
    t.notRegex(error.message, /\n/);
  },
  title: (_, line, message) => `refused: ${line || message}`,
});
