import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { createNames, createUserEnricher, parseNames } from '../../../src/enrich/user.ts';
import type { Process } from '../../../src/model.ts';

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
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'passwd');
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
