/** An addon is loaded only beside the sources that it was made of. */
import { appendFileSync, copyFileSync, cpSync, mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadAddon } from '../../../src/capture/native.ts';
import { digestSources } from '../../../src/capture/sources.ts';
import { StartError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const root = join(import.meta.dirname, '../../..');

/** A checkout as far as this is concerned. */
function checkout(t: ExecutionContext): string {
  const directory = temporaryDirectory(t);
  for (const name of ['bpf', 'native']) cpSync(join(root, name), join(directory, name), { recursive: true });
  mkdirSync(join(directory, 'build'));
  copyFileSync(join(root, 'build/sockflow.node'), join(directory, 'build/sockflow.node'));
  return directory;
}

test('the addon that was built says which sources it was made of', (t) => {
  t.is(loadAddon(root).sources, digestSources(root));
});

for (const file of ['bpf/wire.h', 'bpf/sockflow.bpf.c', 'native/addon.cc', 'native/core.h', 'native/Makefile'])
  test(`a change of ${file} since then is found, and what helps is said`, (t) => {
    const directory = checkout(t);
    appendFileSync(join(directory, file), '\n');
    const error = t.throws(() => loadAddon(directory), { instanceOf: StartError, message: /not of the sources/ });
    t.is(error?.remedy, `run \`npm run setup\` in ${directory}`);
  });

test('a file that was only touched is no change, and other files do not count', (t) => {
  const directory = checkout(t);
  utimesSync(join(directory, 'bpf/wire.h'), new Date(), new Date());
  appendFileSync(join(directory, 'native/notes.txt'), 'x');
  t.notThrows(() => loadAddon(directory));
});

test('where there are no sources nothing is compared', (t) => {
  const directory = checkout(t);
  rmSync(join(directory, 'bpf'), { recursive: true });
  t.is(digestSources(directory), undefined);
  t.notThrows(() => loadAddon(directory));
});
