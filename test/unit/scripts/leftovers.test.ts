import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { difference, findLeftovers, readHostState, runVariable } from '../../../scripts/lib/leftovers.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('what was there before is not left behind, what is new is named with its kind', (t) => {
  const before = { mount: ['/a (1)'], 'BPF map': [] };
  const after = { mount: ['/a (1)', '/b (2)'], 'BPF map': ['7 hash counts'] };
  t.deepEqual(difference(before, after), ['mount /b (2)', 'BPF map 7 hash counts']);
  t.deepEqual(difference(after, before), []);
});

test('a process is found by the mark it inherited, a file by its place', async (t) => {
  const run = { mark: randomUUID(), temporaryDirectory: temporaryDirectory(t) };
  const before = readHostState(run);
  const child = spawn('sleep', ['60'], { env: { ...process.env, [runVariable]: run.mark } });
  t.teardown(() => child.kill());
  await once(child, 'spawn');
  writeFileSync(join(run.temporaryDirectory, 'forgotten'), '');

  // Other tests run beside this one and make namespaces and the like: only these two kinds are the run's own.
  const left = (await findLeftovers(before, run, 0)).filter((thing) => /^(process|file) /.test(thing));
  t.deepEqual(left, [`process ${child.pid} (sleep 60)`, `file ${run.temporaryDirectory}/forgotten`]);
});

test('what goes away within the time allowed is not left behind', async (t) => {
  const run = { mark: randomUUID(), temporaryDirectory: temporaryDirectory(t) };
  const before = { ...readHostState(run) };
  const child = spawn('sleep', ['0.3'], { env: { ...process.env, [runVariable]: run.mark } });
  await once(child, 'spawn');
  const left = await findLeftovers(before, run, 2000);
  t.deepEqual(
    left.filter((thing) => thing.startsWith('process')),
    [],
  );
});
