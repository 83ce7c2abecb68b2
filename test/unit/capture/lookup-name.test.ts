/** The addon asks the system's name service, which reads /etc/group here: one of ours, in a mount namespace of its own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { output } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const CAPTURE = join(import.meta.dirname, '../../../src/capture/capture.ts');
const ASK = `const { lookupName } = await import(process.argv[1]);
const ids = process.argv.slice(2).map(Number);
console.log(JSON.stringify(await Promise.all(ids.map(async (id) => (await lookupName('group', id)) ?? null))));`;

test('a group is named however many members it has, and one that is not there has no name', async (t) => {
  const members = (count: number) => Array.from({ length: count }, (_, number) => `member-${number}`).join(',');
  const groups = [10, 1_500, 100_000].map((count, index) => `group-of-${count}:x:${70_001 + index}:${members(count)}`);
  const file = join(temporaryDirectory(t), 'group');
  writeFileSync(file, `${groups.join('\n')}\n`);
  const mounted = ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/group && exec "$@"', file];
  const command = [process.execPath, '--input-type=module', '--eval', ASK, CAPTURE, '70001', '70002', '70003', '70004'];
  const found = await output(spawn('unshare', [...mounted, ...command], { stdio: ['ignore', 'pipe', 'pipe'] }), 'node');
  t.deepEqual(JSON.parse(found), ['group-of-10', 'group-of-1500', 'group-of-100000', null]);
});
