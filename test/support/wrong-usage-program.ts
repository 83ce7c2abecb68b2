/** What the program itself says and returns when it is used wrongly. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { spawnAgent } from './agent.ts';
import { result } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';
import { given, titleOf, type Wrong } from './wrong-usage.ts';

const refused = test.macro<[Wrong]>(async (t, wrong) => {
  const { env, file, says, code = 2 } = wrong;
  const path = join(temporaryDirectory(t), 'file');
  if (file !== undefined) writeFileSync(path, file);
  const { stdout, stderr, ...ended } = await result(spawnAgent(given(wrong, path), { ...(env && { env }) }));
  const [first] = stderr.replaceAll(path, 'FILE').split('\n');
  t.is(first, `sockflow: ${says}`);
  t.is(ended.code, code);
  t.is(stdout, '');
});

/** A test of each. */
export function areRefused(all: readonly Wrong[]): void {
  for (const [index, wrong] of all.entries()) test.serial(`${index + 1}: ${titleOf(wrong)}`, refused, wrong);
}
