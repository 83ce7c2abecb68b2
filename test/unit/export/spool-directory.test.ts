/** The directory of a spool: whose it is, and what becomes of one that is no good. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openSpool } from '../../../src/export/spool/spool.ts';
import { Ledger } from '../../../src/ledger.ts';
import { eventually } from '../../support/processes.ts';
import { batch, numberOf, openSpoolRig, store, takeAll } from '../../support/spool.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('only the agent may look into it', async (t) => {
  const directory = join(temporaryDirectory(t), 'new', 'spool');
  const { spool } = openSpoolRig(directory);
  await store(spool, 1);
  await spool.settled();
  t.is(lstatSync(directory).mode & 0o777, 0o700);
  for (const name of readdirSync(directory)) t.is(lstatSync(join(directory, name)).mode & 0o777, 0o600, name);
  await spool.close();
});

test('a place that is no good is said, and stops nothing', (t) => {
  const above = temporaryDirectory(t);
  writeFileSync(join(above, 'file'), '');
  mkdirSync(join(above, 'real'));
  symlinkSync(join(above, 'real'), join(above, 'link'));
  for (const name of ['file', 'link', 'file/below']) {
    const said: string[] = [];
    const options = { directory: join(above, name), limit: 2 ** 20, ledger: new Ledger() };
    t.is(openSpool({ ...options, say: (message) => void said.push(message) }), undefined);
    t.is(said.length, 1);
    t.regex(said[0] as string, /can't be used: .*; what finds no room in memory is dropped/);
  }
});

test('two agents do not share a directory; the dead do not hold it', async (t) => {
  const directory = temporaryDirectory(t);
  const module = join(import.meta.dirname, '../../../src/export/spool/directory.ts');
  const script = `import { lockDirectory } from ${JSON.stringify(module)};
    lockDirectory(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => other.kill('SIGKILL'));
  await once(other.stdout, 'data');
  t.throws(() => openSpoolRig(directory), { message: new RegExp(`process ${other.pid} uses it`) });
  other.kill('SIGKILL');
  await once(other, 'exit');
  const { spool } = openSpoolRig(directory);
  t.is(readdirSync(directory).filter((name) => name.startsWith('lock.')).length, 1);
  await spool.close();
  t.false(existsSync(join(directory, `lock.${process.pid}`)));
});

test('a directory that goes away is said, and what comes back is used', async (t) => {
  const above = temporaryDirectory(t);
  const directory = join(above, 'spool');
  const { spool, said } = openSpoolRig(directory);
  rmSync(directory, { recursive: true });
  t.false(await spool.append(batch(1)));
  t.true(spool.isBlocked);
  t.regex(said[0] as string, /ENOENT.*records stay in memory/);
  mkdirSync(directory, { mode: 0o700 });
  await eventually(
    'spool that takes records again',
    () => spool.isBlocked,
    (isBlocked) => !isBlocked,
  );
  await store(spool, 2);
  t.regex(said.at(-1) as string, /takes records again/);
  t.deepEqual((await takeAll(spool)).map(numberOf), [2]);
  await spool.close();
});
