/**
 * The native side under gcc's sanitizers, with real traffic: the C library in programs that are checked like it, and the
 * addon in a Node that is not, where only what they say of the addon counts. Builds it twice, which takes minutes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { installLibrary } from '../support/c-library.ts';
import { saysWhatTheAgentSays, wordsOfC } from '../support/library-programs.ts';
import { withNamespace } from '../support/netns.ts';
import { result } from '../support/processes.ts';
import { removeDirectory, sharedDirectory, temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
/** A sanitizer's memory has fixed places, which a randomised address space may take. */
const THROUGH = ['setarch', '--addr-no-randomize'];

for (const checks of ['address,undefined', 'thread']) {
  let prefix = '';
  let env: NodeJS.ProcessEnv = {};

  test.serial(`${checks}: all of it is compiled`, async (t) => {
    t.timeout(900_000, 'it is compiled');
    // Nothing else of this process runs while it compiles: that has to be told before.
    await sleep(100);
    prefix = sharedDirectory();
    env = installLibrary(prefix, `SANITIZE=${checks}`);
    execFileSync('make', ['--silent', '-j2', '-f', 'native/Makefile', `SANITIZE=${checks}`], { cwd: CHECKOUT });
    const built = join(CHECKOUT, 'build', checks, 'sockflow.node');
    for (const file of [built, join(prefix, 'lib/libsockflow.so')]) t.true(existsSync(file), file);
  });
  test.after.always(() => (prefix ? removeDirectory(prefix) : undefined));

  const compile = (source: string, name: string): string => {
    const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'sockflow'], { env, encoding: 'utf8' });
    const program = join(prefix, name);
    execFileSync(
      'gcc',
      [
        '-g',
        '-pthread',
        `-fsanitize=${checks}`,
        '-fno-sanitize-recover=all',
        source,
        ...flags.trim().split(' '),
        '-o',
        program,
      ],
      {
        cwd: CHECKOUT,
      },
    );
    return program;
  };

  /** Runs to the end in a namespace of its own; what it and the sanitizer said. */
  const run = (program: string, ...args: string[]) =>
    withNamespace((namespace) => {
      const [first = '', ...rest] = [...THROUGH, program, ...args];
      return result(namespace.spawn(first, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    });

  test.serial(`${checks}: what the header says of one thread`, async (t) => {
    const { code, stdout, stderr } = await run(compile('test/library/header.c', 'header'));
    t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'as the header says\n', stderr: '' });
  });

  test.serial(`${checks}: what it says of many, and of watchers that come and go under load`, async (t) => {
    const { code, stdout, stderr } = await run(compile('test/library/threads.c', 'threads'), '3');
    t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '3 rounds\n', stderr: '' });
  });

  test.serial(`${checks}: 05-library says what the agent says`, async (t) => {
    await saysWhatTheAgentSays(t, compile('examples/05-library.c', 'watch'), wordsOfC, env, THROUGH);
  });

  for (const kind of ['opened and closed', 'in workers that are terminated'])
    test.serial(`${checks}: captures of the addon, ${kind}`, async (t) => {
      const args = kind === 'opened and closed' ? ['5'] : ['5', 'workers'];
      const { lines, reports } = await runAddon(t, checks, args);
      t.is(lines, 5);
      t.deepEqual(reports, []);
    });
}

/** Runs test/workloads/captures.ts; how many rounds it made, and what the sanitizer said of the addon. */
async function runAddon(
  t: ExecutionContext,
  checks: string,
  args: readonly string[],
): Promise<{ lines: number; reports: string[] }> {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  mkdirSync(root);
  symlinkSync(join(CHECKOUT, 'build', checks), join(root, 'build'));
  // Its own exit code would also speak of Node, which races and leaks a little by itself.
  const options = `log_path=${join(directory, 'report')}:exitcode=0:detect_leaks=1:fast_unwind_on_malloc=0`;
  const env = {
    ...process.env,
    LD_PRELOAD: librariesOf(checks).join(' '),
    ASAN_OPTIONS: options,
    TSAN_OPTIONS: options,
    UBSAN_OPTIONS: `log_path=${join(directory, 'report')}`,
  };
  const node = [process.execPath, '--expose-gc', join(CHECKOUT, 'test/workloads/captures.ts'), root, ...args];
  const { code, stdout, stderr } = await result(
    spawn('setarch', ['--addr-no-randomize', ...node], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  t.is(stderr, '');
  t.is(code, 0);
  const reports = paragraphs(directory).filter((report) => isOfAddon(checks, report));
  return { lines: stdout.trim().split('\n').length, reports };
}

/** For a program that was not made with them. The C++ library must be there when they look for what it throws with. */
function librariesOf(checks: string): string[] {
  const names = checks === 'thread' ? ['libtsan.so'] : ['libasan.so', 'libubsan.so'];
  return [...names, 'libstdc++.so.6'].map((name) =>
    execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );
}

function paragraphs(directory: string): string[] {
  const logs = readdirSync(directory).filter((name) => name.startsWith('report'));
  return logs.flatMap((name) =>
    readFileSync(join(directory, name), 'utf8').split(/^(?:=+$|(?=Direct leak|Indirect leak))/m),
  );
}

/** What the addon does itself, or by calling something of the C library; what leaks may be made far below it. */
function isOfAddon(checks: string, report: string): boolean {
  return (checks === 'thread' ? /^ +#[01] .*sockflow\.node/m : /sockflow\.node|native\/\w+\.cc/).test(report);
}
