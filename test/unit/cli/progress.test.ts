import test from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { createProgressLine } from '../../../src/cli/progress.ts';
import { run } from '../../../src/cli/run.ts';
import { noCounts } from '../../../src/ledger.ts';
import { createLog } from '../../../src/log.ts';

test('a line is written over, stays below what is said meanwhile, and is gone in the end', (t) => {
  let written = '';
  const line = createProgressLine((text) => {
    written += text;
  });
  line.write('before\n');
  line.show('1 %');
  line.show('1 %');
  line.show('2 %');
  line.write('said\n');
  line.show(undefined);
  line.show(undefined);
  line.write('after\n');
  const clear = '\r\x1b[K';
  const first = `before\n${clear}sockflow: 1 %${clear}sockflow: 2 %`;
  t.is(written, `${first}${clear}said\nsockflow: 2 %${clear}after\n`);
});

test('it is never as wide as a terminal, and no name in it moves the cursor', (t) => {
  let written = '';
  const line = createProgressLine((text) => {
    written += text;
  });
  line.show(`\x1b[2J${'x'.repeat(100)}`);
  t.true(written.startsWith('\r\x1b[Ksockflow: '));
  t.is(written.length, '\r\x1b[K'.length + 79);
  t.is(written.lastIndexOf('\x1b'), 1);
});

test('the agent says how far a replay is, and what it waits for at the end', async (t) => {
  const command = parseCommandLine([], {});
  if (command.action !== 'run') throw new Error(command.action);
  const shown: (string | undefined)[] = [];
  const waiting = new Map<string, () => void>();
  const seen = (what: string) => new Promise<void>((resolve) => waiting.set(what, resolve));
  const progress = (text: string | undefined) => {
    shown.push(text);
    for (const [what, resolve] of waiting) if (text?.includes(what)) resolve();
  };
  let signal = () => {};
  const [replaying, stopping] = [seen('replaying, 43 %'), seen('stopping: sending what waits, for 10 s at most')];
  const code = run(command.options, {
    log: createLog('error', () => {}),
    start: async () => ({
      description: '',
      kernelCounts: () => noCounts,
      progress: () => 0.4399,
      shutdown: () => stopping,
    }),
    onSignal: (callback) => {
      signal = callback;
    },
    onException: () => {},
    progress,
  });
  t.regex(shown[0] ?? '', /^starting: /);
  await replaying;
  signal();
  await stopping;
  t.is(await code, 0);
  t.is(shown[1], undefined);
  t.is(shown.at(-1), undefined);
});
