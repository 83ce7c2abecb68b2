import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { describeFromProc, showsHost } from '../../../src/capture/proc.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('this process by /proc', (t) => {
  const found = describeFromProc(process.pid, 3);
  t.like(found, {
    serial: 3,
    pid: process.pid,
    parentPid: process.ppid,
    userId: process.getuid?.(),
    executablePath: process.execPath,
  });
  const age = Date.now() / 1000 - Number((found?.startTime ?? 0n) / 1_000_000_000n);
  t.true(Math.abs(age - process.uptime()) < 3);
});

test('a process that is gone is not known', (t) => {
  t.is(describeFromProc(4_194_305, 1), undefined);
});

/** A second process with this name and these flags. */
function procWith(t: ExecutionContext, name: string, flags: number): string {
  const proc = temporaryDirectory(t);
  mkdirSync(join(proc, '2'));
  writeFileSync(join(proc, '2/stat'), `2 (${name}) S 0 0 0 0 -1 ${flags} 0 0 0 0 0 0 0 0 20 0 1 0 5\n`);
  return proc;
}

test("the host's own /proc has the kernel's threads; that of a container has a process by the name, or nothing", (t) => {
  t.true(showsHost(procWith(t, 'kthreadd', 0x0020_8040)));
  t.false(showsHost(procWith(t, 'kthreadd', 0x0040_0100)));
  t.false(showsHost(procWith(t, 'odd) S 0 0 0 0 -1 2097152 name', 0x0040_0100)));
  t.false(showsHost(temporaryDirectory(t)));
});
