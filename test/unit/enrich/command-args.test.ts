import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { describeFromProc } from '../../../src/capture/proc.ts';
import { directFiles } from '../../../src/capture/process-files.ts';
import { createArgumentsEnricher } from '../../../src/enrich/command-args.ts';
import { createEnrichment } from '../../../src/enrich/index.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { Process } from '../../../src/model.ts';

const files = directFiles('/proc');
const WAIT = 'process.stdin.resume(); console.log(1)';

function enrich(process: Process | undefined) {
  const ledger = new Ledger();
  if (!process) throw new Error('no process');
  createEnrichment([createArgumentsEnricher('/proc', files)], ledger)(process);
  return { args: process.commandArgs, faults: ledger.faults };
}

test('arguments of a process that lives come from /proc, without secrets, and cut where they are long', async (t) => {
  for (const [args, shown] of [
    [
      ['--token', 'hunter2', 'a b'],
      ['--token', '[REDACTED]', 'a b'],
    ],
    [
      ['first', 'x'.repeat(2000), 'last'],
      ['first', '[CUT]'],
    ],
  ] as const) {
    const child = spawn(process.execPath, ['-e', WAIT, '--', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
    // Between exec and the program there is a moment without arguments.
    await once(child.stdout, 'data');
    const told = enrich(describeFromProc(child.pid ?? 0, 1));
    t.deepEqual(told.args, [process.execPath, '-e', WAIT, '--', ...shown]);
    t.deepEqual([...told.faults], []);
    child.stdin?.end();
    await once(child, 'exit');
  }
});

test('of one that has gone, or that is another program by now, there are none, and that is counted', (t) => {
  const own = describeFromProc(process.pid, 1);
  for (const other of [{ pid: 2 ** 22 + 1 }, { executableName: 'another', executablePath: '/bin/another' }]) {
    const told = enrich({ ...own, ...other } as Process);
    t.is(told.args, undefined);
    t.deepEqual([...told.faults.values()], [1]);
  }
});

test('what the kernel side has read is not read again, and its own threads have none', (t) => {
  const own = describeFromProc(process.pid, 1) as Process;
  t.deepEqual(enrich({ ...own, commandArgs: ['x'] }).args, ['x']);
  const thread = enrich({ ...own, executablePath: undefined, executableName: 'kworker/0:1' });
  t.is(thread.args, undefined);
  t.is(thread.faults.size, 0);
});
