/** scripts/setup refuses what it cannot mend, in one sentence that says what to do. */

import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryDirectory } from '../support/temporary.ts';

const setup = join(import.meta.dirname, '../../scripts/setup');

test('with nothing to do it says nothing', (t) => {
  const begun = performance.now();
  const { status, stdout, stderr } = run([setup, '--test']);
  t.log(`took ${Math.round(performance.now() - begun)} ms`);
  t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('another system than Linux is refused', (t) => {
  refuses(t, runWith(t, { uname: 'echo Darwin' }), /watches Linux kernels; this is Darwin\. Run it on Linux/);
});

test('a kernel that is too old is refused', (t) => {
  const uname = '[ "$1" = -r ] && echo 5.10.0-28-amd64 || echo Linux';
  refuses(t, runWith(t, { uname }), /Linux 5\.15 or later is needed; this is 5\.10\.0-28-amd64\. Install a newer/);
});

test('a kernel that the agent runs on and its tests do not is refused for the tests alone', (t) => {
  const uname = '[ "$1" = -r ] && echo 6.1.0-28-amd64 || echo Linux';
  const sentence =
    /the tests need Linux 6\.10 or later, since .*; this is 6\.1\.0-28-amd64\. Run them on a newer kernel/;
  for (const argument of ['--test', '--integration']) refuses(t, runWith(t, { uname }, argument), sentence);
  const { status, stdout } = runWith(t, { uname });
  t.deepEqual({ status, stdout }, { status: 0, stdout: '' });
});

test('a kernel without type information is refused', (t) => {
  const hideBtf = 'mount -t tmpfs none /sys/kernel/btf && exec "$0"';
  const result = run(['unshare', '--mount', 'sh', '-c', hideBtf, setup]);
  refuses(t, result, /\/sys\/kernel\/btf\/vmlinux is missing\)\. Use one that is built with CONFIG_DEBUG_INFO_BTF=y/);
});

test('a Node that is too old to begin with is refused', (t) => {
  refuses(t, runWith(t, { node: 'echo v18.20.4' }), /Node 20 or later is needed to begin with; found v18\.20\.4\./);
});

test('packages that are missing where there is no apt-get are named', (t) => {
  const bin = commandsOnly(t, 'bash dirname readlink uname grep sort head node mkdir flock cat g++ make'.split(' '));
  const result = run([setup], { PATH: bin });
  refuses(t, result, /missing: clang \(names as in Debian\)\. There is no apt-get here: install them/);
});

/** What the host says of starting services; in mounts of the test's own. */
const hostPolicy = '#!/bin/sh\nexit 0\n';

for (const [title, installs] of [
  ['', true],
  [', also when they cannot be installed', false],
] as const)
  test(`packages of the integration tests do not start their services${title}; the host's policy is back afterwards`, (t) => {
    const said = join(temporaryDirectory(t), 'said');
    const bin = stubs(t, {
      'apt-get': `case "$*" in *install*) /usr/sbin/policy-rc.d docker start; echo "installing: $?" >>${said}; ${installs};; esac`,
      // The first that comes after the packages: ends the set-up there.
      sha256sum: `/usr/sbin/policy-rc.d docker start; echo "afterwards: $?" >>${said}; exit 9`,
    });
    const hide = `mount -t tmpfs none /usr/sbin && printf '${hostPolicy.replaceAll('\n', '\\n')}' >/usr/sbin/policy-rc.d &&
      chmod 755 /usr/sbin/policy-rc.d; PATH=${bin}:$PATH "$0" --integration; echo "status: $?" >>${said}
      cat /usr/sbin/policy-rc.d; ls /usr/sbin`;
    const { stdout } = run(['unshare', '--mount', 'sh', '-c', hide, setup]);
    t.is(stdout, `${hostPolicy}policy-rc.d\n`);
    const wanted = installs ? 'installing: 101\nafterwards: 0\nstatus: 9\n' : 'installing: 101\nstatus: 1\n';
    t.is(readFileSync(said, 'utf8'), wanted);
  });

test('an argument that it does not know is refused', (t) => {
  refuses(t, run([setup, '--tests']), /unknown argument --tests; expected nothing, --test, --integration or --kernels/);
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run([command, ...args]: string[], env: Record<string, string> = {}): Outcome {
  return spawnSync(command as string, args, { encoding: 'utf8', env: { ...process.env, ...env } });
}

/** With some commands replaced by shell scripts. */
function runWith(t: ExecutionContext, scripts: Record<string, string>, ...args: string[]): Outcome {
  return run([setup, ...args], { PATH: `${stubs(t, scripts)}${delimiter}${process.env.PATH}` });
}

/** A directory with these shell scripts. */
function stubs(t: ExecutionContext, scripts: Record<string, string>): string {
  const bin = temporaryDirectory(t);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return bin;
}

/** A directory with these commands of the host, to be the whole PATH. */
function commandsOnly(t: ExecutionContext, names: readonly string[]): string {
  const bin = temporaryDirectory(t);
  for (const name of names) {
    const { stdout } = run(['sh', '-c', `command -v ${name}`]);
    symlinkSync(stdout.trim(), join(bin, name));
  }
  return bin;
}

function refuses(t: ExecutionContext, { status, stdout, stderr }: Outcome, message: RegExp): void {
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, message);
  t.is(stderr.trim().split('\n').length, 1);
}
