/** Every sentence for what is wrong with a command line: the thing, what was expected, what came, the remedy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { given, titleOf, wrongWords } from '../../support/wrong-usage.ts';

for (const [index, wrong] of wrongWords.entries())
  test(`${index + 1}: ${titleOf(wrong)}`, (t) => {
    const path = join(temporaryDirectory(t), 'file');
    if (wrong.file !== undefined) writeFileSync(path, wrong.file);
    const error = t.throws(() => parseCommandLine(given(wrong, path), wrong.env ?? {}), { instanceOf: UsageError });
    t.is(error?.message.replaceAll(path, 'FILE').split('\n')[0], wrong.says);
  });
