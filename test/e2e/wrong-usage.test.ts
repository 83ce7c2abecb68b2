/** Every sentence for what is wrong: the thing, what was expected, what came, the remedy; as the program itself says it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { spawnAgent } from '../support/agent.ts';
import { result } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type Wrong, wrongUsage } from '../support/wrong-usage.ts';

const refused = test.macro<[Wrong]>(async (t, { args = [], env, file, says, code = 2 }) => {
  const path = join(temporaryDirectory(t), 'file');
  if (file !== undefined) writeFileSync(path, file);
  const given = args.map((argument) => argument.replace('FILE', path));
  const { stdout, stderr, ...ended } = await result(spawnAgent(given, { ...(env && { env }) }));
  const [first] = stderr.replaceAll(path, 'FILE').split('\n');
  t.is(first, `sockflow: ${says}`);
  t.is(ended.code, code);
  t.is(stdout, '');
});

for (const [index, wrong] of wrongUsage.entries()) {
  const variables = Object.entries(wrong.env ?? {}).map(([name, value]) => `${name}=${value}`);
  test.serial(`${index + 1}: ${[...variables, 'sockflow', ...(wrong.args ?? [])].join(' ')}`, refused, wrong);
}
