/** libsockflow as programs in C and Go have it: compiled by pkg-config alone, and seeing what the agent sees. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { installLibrary } from '../support/c-library.ts';
import { type Patterns, saysWhatTheAgentSays, startWatcher, wordsOfC } from '../support/library-programs.ts';
import { result } from '../support/processes.ts';
import { removeDirectory, sharedDirectory, temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const EXAMPLE = join(CHECKOUT, 'examples/05-library.c');

let prefix = '';
let env: NodeJS.ProcessEnv = {};
test.before(() => {
  prefix = sharedDirectory();
  env = installLibrary(prefix);
});
test.after.always(() => removeDirectory(prefix));

function pkgConfig(...args: readonly string[]): string[] {
  return execFileSync('pkg-config', [...args, 'sockflow'], { env, encoding: 'utf8' })
    .trim()
    .split(' ');
}

function compile(name: string, source: string, flags: readonly string[]): string {
  const program = join(prefix, name);
  execFileSync('cc', ['-std=c11', '-Wall', '-Wextra', '-Werror', '-pedantic', source, ...flags, '-o', program]);
  return program;
}

/** Where a line of 06-go has what wordsOfC finds in one of 05-library. */
const ofGo: Patterns = [
  /^(\S+) /,
  / id=(\w+)/,
  / pid=(\d+)/,
  / path=(\S*)/,
  / peer=\S+:(\d+)/,
  / sent=(\d+)/,
  / received=(\d+)/,
  / close=(\w*)/,
  / error=(\w*)/,
];

/** Runs a program beside an agent; both must have said the same of the same connections. */
function compare(t: ExecutionContext, program: string, words: Patterns): Promise<void> {
  return saysWhatTheAgentSays(t, program, words, env);
}

test.serial('05-library, with the shared library, says what the agent says', async (t) => {
  await compare(t, compile('shared', EXAMPLE, pkgConfig('--cflags', '--libs')), wordsOfC);
});

test.serial('05-library, with the static library, too, and needs it no more', async (t) => {
  const flags = pkgConfig('--static', '--cflags', '--libs');
  const program = compile(
    'static',
    EXAMPLE,
    flags.map((flag) => (flag === '-lsockflow' ? '-l:libsockflow.a' : flag)),
  );
  t.notRegex(execFileSync('ldd', [program], { encoding: 'utf8' }), /libsockflow/);
  await compare(t, program, wordsOfC);
});

test.serial('06-go says what the agent says', async (t) => {
  const program = join(prefix, 'go-watch');
  const cache = { GOCACHE: join(temporaryDirectory(t), 'cache'), GOPROXY: 'off', GOFLAGS: '-mod=readonly' };
  const go = { cwd: join(CHECKOUT, 'examples/06-go'), env: { ...env, ...cache } };
  t.is(execFileSync('gofmt', ['-l', 'go', 'examples/06-go'], { cwd: CHECKOUT, encoding: 'utf8' }), '');
  execFileSync('go', ['vet', '.', 'sockflow'], go);
  execFileSync('go', ['build', '-o', program], go);
  await compare(t, program, ofGo);
});

test.serial('without the rights that it needs a program is told what to do', async (t) => {
  const program = compile('rights', EXAMPLE, pkgConfig('--cflags', '--libs'));
  const { ended } = await startWatcher(t, program, env, ['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
  const { code, stdout, stderr } = await ended;
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^cannot start: cannot .*; run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN\n$/);
});

test.serial('the header is what its words say: a test in C', async (t) => {
  const program = compile('header', join(CHECKOUT, 'test/library/header.c'), [
    ...pkgConfig('--cflags', '--libs'),
    '-pthread',
  ]);
  const { code, stdout, stderr } = await result(spawn(program, [], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  t.is(stderr, '');
  t.is(stdout, 'as the header says\n');
  t.is(code, 0);
});

test.serial('C++ takes the header, too', (t) => {
  const source = join(prefix, 'plus.cc');
  writeFileSync(
    source,
    `#include <sockflow.h>
int main() { struct sockflow_options options = SOCKFLOW_OPTIONS; return options.size != sizeof(options); }`,
  );
  const program = join(prefix, 'plus');
  execFileSync('g++', ['-std=c++17', '-Wall', '-Werror', source, ...pkgConfig('--cflags', '--libs'), '-o', program]);
  t.notThrows(() => execFileSync(program, { env }));
});

test.serial('only the header is to be seen from outside', (t) => {
  const declared = readFileSync(join(prefix, 'include/sockflow.h'), 'utf8').matchAll(/^[a-z].*?\b(sockflow_\w+)\(/gm);
  const names = [...declared].map(([, name]) => name).toSorted();
  const defined = (...args: string[]) =>
    [...execFileSync('nm', args, { encoding: 'utf8' }).matchAll(/ [TDBR] (\S+)$/gm)].map(([, name]) => name);
  t.true(names.length >= 9);
  t.deepEqual(defined('-D', '--defined-only', join(prefix, 'lib/libsockflow.so')).toSorted(), names);
  t.deepEqual(defined('--defined-only', join(prefix, 'lib/libsockflow.a')).toSorted(), names);
});
