/** What is published: the npm package where nothing can be compiled, and the image, built and run by a real Docker without a registry. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import test from 'ava';
import { attribute, ends, type JsonRecord, SOCKFLOW } from '../support/agent.ts';
import { Dockerd } from '../support/dockerd.ts';
import { Namespace } from '../support/netns.ts';
import { eventually, inTime, result, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const CHECKOUT = resolve(SOCKFLOW, '../..');
const BASE = 'sockflow.test:5000/base:1';
const LIBRARIES = ['libbpf.so.1', 'libelf.so.1', 'libz.so.1', 'libnetfilter_conntrack.so.3', 'libmnl.so.0'];
const PREBUILT = ['sockflow.node', 'sockflow-privileged', ...LIBRARIES, 'libnfnetlink.so.0', 'libseccomp.so.2'];

let netns: Namespace;
let directory: string;
let dockerd: Dockerd;

test.before(async () => {
  directory = sharedDirectory();
  netns = await Namespace.create();
  dockerd = new Dockerd(directory, netns);
  await dockerd.start();
});

test.after.always(() =>
  tearDown(
    () => dockerd?.stop(),
    () => netns?.close(),
    () => removeDirectory(directory),
  ),
);

const place = `linux-${process.arch}`;

test.serial('all that the package and the image consist of is laid out', async (t) => {
  t.timeout(600_000, 'it compiles, links and installs');
  const child = spawn(join(CHECKOUT, 'scripts/image'), ['--stage'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const { code, stderr } = await result(child);
  t.is(code, 0, stderr);
});

test.serial('the package has all that it needs, and no sources of what is compiled', (t) => {
  const pack = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const [{ files }] = JSON.parse(execFileSync('npm', pack, { cwd: CHECKOUT, encoding: 'utf8' }));
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  const tops = [...new Set(paths.map((path) => path.split('/')[0]))].toSorted();
  const wanted = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'dashboards',
    'dist',
    'docs',
    'examples',
    'package.json',
  ];
  t.deepEqual(tops, [...wanted, 'packaging', 'prebuilds', 'wireshark'].toSorted());
  for (const name of PREBUILT) t.true(paths.includes(`prebuilds/${place}/${name}`), name);
  t.true(paths.includes('dist/main.js') && paths.includes('dist/index.d.ts'));
  t.deepEqual(
    paths.filter((path) => /^dist\/.*(?<!\.d)\.ts$|\.(cc|o)$/.test(path)),
    [],
  );
});

test.serial('what is compiled needs glibc and what lies beside it, for both architectures the same', (t) => {
  for (const name of PREBUILT) {
    const dynamic = execFileSync('readelf', ['-d', join(CHECKOUT, 'prebuilds', place, name)], { encoding: 'utf8' });
    const needed = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, library = '']) => library);
    const others = needed.filter((library) => !PREBUILT.includes(library));
    for (const library of others) t.regex(library, /^(libc|libm|libpthread|ld-linux-[\w-]+)\.so\.\d$/, name);
  }
});

/** A package as it is installed, in a directory that has nothing else. */
test.serial(
  'npm i of the packed file in an empty directory, without a script being run: the program runs',
  async (t) => {
    const home = join(directory, 'home');
    mkdirSync(home);
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', home];
    const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: CHECKOUT, encoding: 'utf8' }));
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `./${filename}`];
    execFileSync('npm', install, { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
    const env = {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      LD_DEBUG: 'libs',
      LD_DEBUG_OUTPUT: join(home, 'libs'),
    };
    const args = ['--format', 'json', '--duration', '2s', '--events', 'close'];
    const child = spawn(join(home, 'node_modules/.bin/sockflow'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = result(child);
    await inTime(once(child.stderr, 'data'), () => 'nothing was said');
    await netns.run('busybox', ['sh', '-c', 'nc 127.0.0.1 9 || true']);
    const { code, stderr } = await ended;
    t.is(code, 0, stderr);
    t.regex(stderr, /^sockflow: ready, .*; no capabilities left$/m);
    const loaded = execFileSync('sh', ['-c', `cat ${home}/libs.* | grep 'calling init' | grep -o '/.*'`], {
      encoding: 'utf8',
    });
    t.regex(loaded, new RegExp(`prebuilds/${place}/libbpf.so.1`));
    t.notRegex(loaded, /^\/(usr\/)?lib\/.*libbpf/m);
  },
);

/** A system that has a C library, a shell and nothing else. */
function writeBase(): string {
  const root = join(directory, 'base');
  const tar = join(directory, 'base.tar');
  mkdirSync(join(root, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of ['sh', 'nc', 'sleep', 'readlink', 'dirname', 'cat', 'true'])
    symlinkSync('busybox', join(root, 'bin', name));
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).matchAll(/(\/\S+) \(/g);
  for (const [, library = ''] of linked) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  execFileSync('tar', ['-C', root, '-cf', tar, '.']);
  return tar;
}

async function logs(name: string): Promise<string> {
  const child = spawn('/usr/bin/docker', ['--host', `unix://${dockerd.socket}`, 'logs', name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { stdout, stderr } = await result(child);
  return `${stdout}${stderr}`;
}

const recordsOf = (text: string): JsonRecord[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

async function run(name: string, args: readonly string[], ...options: string[]): Promise<void> {
  await dockerd.docker('run', '--detach', '--name', name, ...options, 'sockflow', '--format', 'json', ...args);
  await eventually(
    `ready line of ${name}`,
    () => logs(name),
    (text) => text.includes('sockflow: ready'),
  );
}

test.serial('the image is built without a network, on a base that has glibc and a shell', async (t) => {
  await dockerd.docker('import', writeBase(), BASE);
  await dockerd.docker('build', '--network', 'none', '--build-arg', `BASE=${BASE}`, '--tag', 'sockflow', CHECKOUT);
  const size = Number(await dockerd.docker('image', 'inspect', '--format', '{{.Size}}', 'sockflow'));
  t.log(`${Math.round(size / 2 ** 20)} MiB`);
  const labels = JSON.parse(
    await dockerd.docker('image', 'inspect', '--format', '{{json .Config.Labels}}', 'sockflow'),
  );
  t.is(labels['org.opencontainers.image.title'], 'sockflow');
  t.regex(await dockerd.docker('run', '--rm', 'sockflow', '--version'), /^sockflow \d/);
});

/** Of this process: `--privileged` asks for all there are, which the machine may not have itself. */
const SYS_RESOURCE = 24n;
const bounding = BigInt(`0x${/^CapBnd:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`);
const ALMOST = ['--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE', '--security-opt', 'seccomp=unconfined'];
const privileged = (bounding >> SYS_RESOURCE) & 1n ? ['--privileged'] : ALMOST;

/** As libebpfflow's README had it, less what is not there on every host. */
const ANCESTOR = [
  ...[...privileged, '--volume', '/lib/modules:/lib/modules:ro', '--volume', '/usr/src:/usr/src:ro'],
  ...['--volume', '/sys/kernel/debug:/sys/kernel/debug'],
];

/** Docker 20.10 knows neither BPF nor PERFMON, which SYS_ADMIN stands for; and its filter of system calls asks for that one. */
const CAPABLE = [
  '--cap-drop',
  'ALL',
  '--cap-add',
  'SYS_ADMIN',
  '--cap-add',
  'NET_ADMIN',
  '--cap-add',
  'SYS_PTRACE',
  '--pid',
  'host',
];

for (const [title, name, options] of [
  [`as the ancestor's was started, ${privileged[0]}`, 'privileged', ANCESTOR],
  ['with the capabilities of the page, not privileged', 'capable', CAPABLE],
] as const)
  test.serial(`a container sees the connections of the host: ${title}`, async (t) => {
    const health = ['--env', 'SOCKFLOW_HEALTH=9090', '--health-interval', '1s', '--health-start-period', '0s'];
    await run(name, ['--events', 'close,failed', '--network-namespace', `${netns.inode}`], ...health, ...options);
    t.regex(await logs(name), /; no capabilities left$/m);
    await netns.run('busybox', ['sh', '-c', 'nc 127.0.0.1 9 || true']);
    const failed = await eventually(
      'the failure',
      async () => ends(recordsOf(await logs(name))),
      (records) => records.length > 0,
    );
    t.is(attribute(failed[0] as JsonRecord, 'error.type'), 'connection_refused');
    t.is(attribute(failed[0] as JsonRecord, 'process.executable.name'), 'busybox');
    const state = () => dockerd.docker('inspect', '--format', '{{.State.Health.Status}}', name);
    await eventually('its health', state, (status) => status === 'healthy');
    await dockerd.docker('stop', name);
    t.is(await dockerd.docker('inspect', '--format', '{{.State.ExitCode}}', name), '0');
    t.regex(await logs(name), /lost 0/);
  });

test('docs/install.md names the capabilities that were tried', (t) => {
  const page = readFileSync(join(CHECKOUT, 'docs/install.md'), 'utf8');
  for (const name of CAPABLE.filter((word) => /^[A-Z_]+$/.test(word) && word !== 'ALL'))
    t.true(page.includes(`--cap-add ${name}`), name);
});
