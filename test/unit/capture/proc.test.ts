import test from 'ava';
import { describeFromProc } from '../../../src/capture/proc.ts';

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
