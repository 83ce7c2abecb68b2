import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import test from 'ava';
import { createNames, createUserEnricher, parseNames } from '../../../src/enrich/user.ts';
import type { Process } from '../../../src/model.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

test('names of a passwd file: odd lines are passed over, the first name of an id counts', (t) => {
  const names = parseNames(
    'root:x:0:0:root:/root:/bin/sh\n\n# a remark\ntoor:x:0:0::/:\nbad\nx:y:z:1\nann:x:1000:1000:::\n',
  );
  t.deepEqual(
    [...names],
    [
      [0, 'root'],
      [1000, 'ann'],
    ],
  );
});

test('a user of /etc/passwd is named at once, parent and group too', (t) => {
  const process = { userId: 0, groupId: 0, parentUserId: 0 } as Process;
  createUserEnricher(async () => t.fail('nobody need be asked')).enrich(process);
  t.like(process, { userName: 'root', groupName: 'root', parentUserName: 'root' });
});

test('a user that the file does not have is asked for once, off this thread; until then the number stands alone', async (t) => {
  const file = join(temporaryDirectory(t), 'passwd');
  writeFileSync(file, 'ann:x:1000:1000:::\n');
  let asked = 0;
  const name = createNames(
    'user',
    async () => {
      asked++;
      return 'remote';
    },
    file,
  );
  t.is(name(1000), 'ann');
  t.is(name(5000), undefined);
  await setImmediate();
  t.is(name(5000), 'remote');
  t.is(asked, 1);
});

const nobody = async () => undefined;

test('the file is read at start: an agent that runs out of descriptors knows its users', (t) => {
  const file = join(temporaryDirectory(t), 'passwd');
  writeFileSync(file, 'ann:x:1000:1000:::\n');
  const name = createNames('user', nobody, file);
  rmSync(file);
  t.is(name(1000), 'ann');
});

/** Calls until this is true: the file is looked at once a second. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1200 && !isSo(); tries++) await setTimeout(50);
}

test('a file that cannot be read for a while leaves the names as they were, and is read as soon as it can be', async (t) => {
  const file = join(temporaryDirectory(t), 'passwd');
  const other = `${file}.new`;
  writeFileSync(file, 'ann:x:1000:1000:::\n');
  const name = createNames('user', nobody, file);
  rmSync(file);
  mkdirSync(file); // has a time stamp, and cannot be read as a file
  for (const end = performance.now() + 1500; performance.now() < end; await setTimeout(50)) t.is(name(1000), 'ann');
  rmSync(file, { recursive: true });
  writeFileSync(other, 'bea:x:1000:1000:::\n');
  renameSync(other, file);
  await until(() => name(1000) !== 'ann');
  t.is(name(1000), 'bea');
});

test('who had no name is asked for again: the answer may have been for want of a descriptor', async (t) => {
  const answers = [undefined, undefined, 'remote'];
  const file = join(temporaryDirectory(t), 'passwd');
  const name = createNames('user', async () => answers.shift(), file, 1);
  await until(() => name(5000) !== undefined);
  t.is(name(5000), 'remote');
  t.deepEqual(answers, []);
});
