import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { reload } from '../../../src/cli/reload.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

function start(t: ExecutionContext, text: string) {
  const file = join(temporaryDirectory(t), 'sockflow.yaml');
  const read = () => {
    const command = parseCommandLine(['--config', file], {});
    if (command.action !== 'run') throw new Error(command.action);
    return command.options;
  };
  writeFileSync(file, text);
  const options = { ...read() };
  const said: string[] = [];
  const again = (now: string) => {
    writeFileSync(file, now);
    reload(options, read, { say: (line) => void said.push(line.replaceAll(file, 'FILE')) });
    return said.at(-1);
  };
  return { options, again };
}

test('what can change at once does, and the rest is named', (t) => {
  const { options, again } = start(t, 'filter: port=1\nlog-level: info\ninterval: 5s\n');
  const before = options.filter;
  t.is(again('filter: port=1\nlog-level: info\ninterval: 5s\n'), 'configuration read again: nothing has changed');
  t.is(options.filter, before);
  t.is(
    again('filter: port=2\nlog-level: debug\ninterval: 7s\nqueue-size: 32MiB\n'),
    'configuration read again: in force: filter, log-level; takes a restart: interval, queue-size',
  );
  t.not(options.filter, before);
  t.is(options.logLevel, 'debug');
  t.is(options.interval, 5_000);
  t.is(again('interval: 5s\n'), 'configuration read again: in force: filter, log-level');
  t.is(options.filter, undefined);
});

test('a file with a mistake changes nothing', (t) => {
  const { options, again } = start(t, 'filter: port=1\n');
  const before = options.filter;
  const refused = 'configuration read again and refused, the one before stays in force: ';
  t.is(again('filtr: port=2\n'), `${refused}FILE:1:1: filtr is not an option; did you mean filter?`);
  t.true(again('filter: prt=2\n')?.startsWith(`${refused}FILE:1:1: filter: prt= is none of its words`));
  t.is(options.filter, before);
});
