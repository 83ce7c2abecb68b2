import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { commands } from '../../../src/cli/commands.ts';
import { formatCompletion, type Shell, shells } from '../../../src/cli/completion.ts';
import { entries, optionName } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const script = `${formatCompletion('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sockflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', 'sockflow', ...words])
    .toString()
    .split('\n')
    .filter(Boolean);
}

test('bash: commands, options, their words, files', (t) => {
  t.deepEqual(offered(''), Object.keys(commands));
  t.deepEqual(offered('che'), ['check']);
  t.deepEqual(offered('--otlp-e'), ['--otlp-endpoint']);
  t.deepEqual(offered('check', '--form'), ['--format']);
  t.deepEqual(offered('--format', ''), ['text', 'json', 'pcapng', 'none']);
  t.deepEqual(offered('--format', 'j'), ['json']);
  t.deepEqual(offered('completion', ''), [...shells]);
  t.deepEqual(offered('--interval', ''), []);
  t.deepEqual(offered('replay', '/etc/hostna'), ['/etc/hostname']);
  t.deepEqual(offered('--spool', '/et'), ['/etc']);
  t.deepEqual(offered('--no-do'), ['--no-docker']);
});

/** A script in a file, and a shell that has nothing of its own and leaves nothing elsewhere. */
function prepare(t: ExecutionContext, shell: Shell) {
  const directory = temporaryDirectory(t);
  const script = join(directory, 'script');
  writeFileSync(script, formatCompletion(shell));
  const env = { PATH: process.env.PATH, HOME: directory, XDG_RUNTIME_DIR: directory };
  return { script, run: (...args: string[]) => execFileSync(shell, args, { env, stdio: 'pipe' }).toString() };
}

test('zsh reads its script', (t) => {
  const { script, run } = prepare(t, 'zsh');
  t.is(run('-f', '-n', script), '');
  t.is(run('-f', '-c', `compdef() { print $2 }; source ${script}`), 'sockflow\n');
});

test('fish: options, their words', (t) => {
  const { script, run } = prepare(t, 'fish');
  const offers = (line: string) =>
    run('-c', `source ${script}; complete -C '${line}'`)
      .split('\n')
      .map((offer) => offer.split('\t')[0] ?? '')
      .filter(Boolean)
      .toSorted();
  t.deepEqual(offers('sockflow --otlp-comp'), ['--otlp-compression']);
  t.deepEqual(offers('sockflow --format '), ['json', 'none', 'pcapng', 'text']);
  t.deepEqual(offers('sockflow completion '), [...shells].toSorted());
});

for (const shell of shells)
  test(`${shell}: every option is offered`, (t) => {
    const text = formatCompletion(shell);
    for (const [key, { aliases }] of entries) {
      const name = optionName(key);
      t.true(text.includes(shell === 'fish' ? `-l ${name}` : `--${name}`), name);
      for (const alias of aliases.filter((each) => each.length > 1)) t.true(text.includes(alias), alias);
    }
  });

test('another shell is refused', (t) => {
  const message = 'completion expects one of bash, zsh, fish';
  t.throws(() => parseCommandLine(['completion'], {}), { instanceOf: UsageError, message: `${message}; none came` });
  t.throws(() => parseCommandLine(['completion', 'csh'], {}), {
    instanceOf: UsageError,
    message: `${message}, not "csh"`,
  });
});
