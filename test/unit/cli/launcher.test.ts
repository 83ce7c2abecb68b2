import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryDirectory } from '../../support/temporary.ts';

const SOCKFLOW = join(import.meta.dirname, '../../../bin/sockflow');

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(
  file: string,
  args: string[] = [],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  try {
    const { stdout, stderr } = await promisify(execFile)(file, args, { timeout: 30_000, ...options });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Result;
    return { code, stdout, stderr };
  }
}

test('--help is on stdout, and that was all', async (t) => {
  const { code, stdout, stderr } = await run(SOCKFLOW, ['--help']);
  t.is(code, 0);
  t.true(stdout.startsWith('Usage: sockflow'));
  t.is(stderr, '');
});

test('--version is name and version', async (t) => {
  const { code, stdout, stderr } = await run(SOCKFLOW, ['--version']);
  t.is(code, 0);
  t.regex(stdout, /^sockflow \d+\.\d+\.\d+\n$/);
  t.is(stderr, '');
});

test('wrong usage is one line on stderr and exit code 2', async (t) => {
  const { code, stdout, stderr } = await run(SOCKFLOW, ['--otlp-endpont', 'http://localhost:4317']);
  t.is(code, 2);
  t.is(stdout, '');
  t.is(stderr, 'sockflow: --otlp-endpont is not an option; did you mean --otlp-endpoint?\n');
});

test('it runs from any directory and through symbolic links', async (t) => {
  const directory = temporaryDirectory(t);
  await symlink(SOCKFLOW, join(directory, 'first'));
  await symlink('first', join(directory, 'second'));
  for (const [file, cwd] of [
    [join(directory, 'second'), '/'],
    ['./second', directory],
  ] as const) {
    const { code, stdout } = await run(file, ['--version'], { cwd });
    t.is(code, 0);
    t.regex(stdout, /^sockflow /);
  }
  const inPath = await run('sh', ['-c', 'second --version'], { env: { PATH: `${directory}:${process.env.PATH}` } });
  t.is(inPath.code, 0);
});

test('signals are for the agent itself: no shell stays in between', async (t) => {
  const directory = await makePackage(temporaryDirectory(t), 'console.log(process.pid, ...process.argv.slice(2))');
  const child = spawn(join(directory, 'bin/sockflow'), ['a b', '*'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  t.is((await buffer(child.stdout)).toString(), `${child.pid} a b *\n`);
  await exit;
});

test('a checkout that is not set up says what to do', async (t) => {
  const directory = temporaryDirectory(t);
  await mkdir(join(directory, 'src'));
  await mkdir(join(directory, 'bin'));
  await cp(SOCKFLOW, join(directory, 'bin/sockflow'));
  const { code, stderr } = await run(join(directory, 'bin/sockflow'));
  t.is(code, 1);
  t.regex(stderr, /^sockflow: this checkout isn't set up: run `npm run setup` in \S+ first\n$/);
});

for (const [version, isOld] of [
  ['v20.20.2', true],
  ['v22.17.9', true],
  ['v22.18.0', false],
  ['v23.0.0', false],
  ['v100.1.0', false],
] as const) {
  test(`an installed package ${isOld ? 'refuses' : 'takes'} Node ${version} from PATH`, async (t) => {
    const directory = await makePackage(temporaryDirectory(t), '');
    const fake = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else echo started; fi\n`;
    await writeFile(join(directory, 'node'), fake, { mode: 0o755 });
    const env = { PATH: `${directory}:/usr/bin:/bin` };
    const { code, stdout, stderr } = await run(join(directory, 'bin/sockflow'), [], { env });
    t.is(code, isOld ? 1 : 0);
    t.is(stdout, isOld ? '' : 'started\n');
    t.regex(stderr, isOld ? /^sockflow: Node\.js 22\.18 or newer is needed, but \S+ is v\S+: install .*\n$/ : /^$/);
  });
}

test('no Node at all is said in one line', async (t) => {
  const directory = await makePackage(temporaryDirectory(t), '');
  const path = join(directory, 'tools');
  await mkdir(path);
  for (const tool of ['sh', 'dirname', 'readlink']) await symlink(await which(tool), join(path, tool));
  const { code, stderr } = await run('sh', [join(directory, 'bin/sockflow')], { env: { PATH: path } });
  t.is(code, 1);
  t.regex(stderr, /^sockflow: Node\.js 22\.18 or newer is needed, and there is no node in PATH: .*\n$/);
});

async function which(tool: string): Promise<string> {
  return (await run('sh', ['-c', `command -v ${tool}`])).stdout.trim();
}

/** An installed package, with Node from PATH. */
async function makePackage(directory: string, main: string): Promise<string> {
  await mkdir(join(directory, 'bin'));
  await mkdir(join(directory, 'dist'));
  await cp(SOCKFLOW, join(directory, 'bin/sockflow'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(join(directory, 'dist/main.js'), main);
  if (main !== '') {
    await mkdir(join(directory, 'node_modules/.bin'), { recursive: true });
    await symlink(process.execPath, join(directory, 'node_modules/.bin/node'));
  }
  return dirname(join(directory, 'package.json'));
}
