/** libsockflow as programs in C and Go have it: compiled by pkg-config alone, and seeing what the agent sees. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { attribute, type JsonRecord, withAgent } from '../support/agent.ts';
import { installLibrary } from '../support/c-library.ts';
import { exchange } from '../support/exchange.ts';
import { boundDatagramSocket, datagramSocket } from '../support/flows.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { inTime, type Result, result } from '../support/processes.ts';
import { removeDirectory, sharedDirectory, temporaryDirectory } from '../support/temporary.ts';
import { runAttempts } from '../support/workload.ts';

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

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Result>;
}

/** Starts a program; resolves when it has said what it watches. */
async function start(t: ExecutionContext, program: string, through: readonly string[] = []): Promise<Running> {
  const [file = '', ...args] = [...through, program];
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = inTime(result(child), () => `no end of ${program}`);
  await Promise.race([once(child.stderr, 'data'), ended]);
  return { child, ended };
}

async function stop({ child, ended }: Running): Promise<Result> {
  child.kill('SIGINT');
  return ended;
}

const EVENTS = ['--events', 'open,close,failed,retransmit'];

/** What all of them say of an event, in one line. */
function ofAgent(record: JsonRecord): string {
  const fields = [
    'sockflow.connection.id',
    'process.pid',
    'process.executable.path',
    'network.peer.port',
    'sockflow.connection.sent.bytes',
    'sockflow.connection.received.bytes',
    'sockflow.connection.close.reason',
    'error.type',
  ];
  return [record.event_name, ...fields.map((name) => attribute(record, name) ?? '')].join(' ');
}

type Patterns = readonly [event: RegExp, id: RegExp, ...RegExp[]];

/** Where a line of 05-library.c has these. */
const ofC: Patterns = [
  /\]\[\d+ (\S+)\]/,
  /\]\[([0-9a-f]{16}) \w+\]/,
  /\[pid: (\d+) /,
  /\[pid: \d+ \[(.*?)\]/,
  /<-> \S+:(\d+)\]/,
  /\[sent\/received: (\d+)\//,
  /\[sent\/received: \d+\/(\d+)\]/,
  /\[close: (\w+)\]/,
  /\[error: (\w+)\]/,
];

/** And one of 06-go. */
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

function ofLines(stdout: string, patterns: Patterns): string[] {
  const lines = stdout.trim().split('\n');
  return lines.map((line) => patterns.map((pattern) => pattern.exec(line)?.[1] ?? '').join(' '));
}

/** TCP of both families, failures, UDP; returns how many ends there are. */
async function makeTraffic(t: ExecutionContext, { namespace, client, server }: Lab): Promise<number> {
  await exchange(t, namespace, { connections: 5 });
  await exchange(t, namespace, { connections: 3, family: '6' });
  await runAttempts(namespace, 'refused', { count: 4 });
  await runAttempts(namespace, 'cancelled', { count: 2, family: '6' });
  const echo = await boundDatagramSocket(server);
  const fd = await datagramSocket(client);
  await client.do('send-datagram', fd, 11, '127.0.0.1', echo.port);
  await server.do('take-datagrams', echo.fd, 1, 22);
  await client.do('take-datagrams', fd, 1);
  await client.exit();
  await server.exit();
  return 2 * 5 + 2 * 3 + 4 + 2 + 2;
}

/** Runs a program beside an agent; both must have said the same of the same connections. */
async function compare(t: ExecutionContext, program: string, patterns: Patterns, events = EVENTS): Promise<void> {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, ...events), async (agent) => {
      const running = await start(t, program);
      const ends = await makeTraffic(t, lab);
      await agent.waitForEnds(lab.namespace, ends);
      const expected = (await agent.stop()).records.map(ofAgent);
      const { code, stdout, stderr } = await stop(running);
      t.is(code, 0, stderr);
      t.regex(stderr, /^Linux \S+, watching tcp and udp\n/);
      const pids = new Set(expected.map(pidOf));
      const lines = ofLines(stdout, patterns).filter((line) => pids.has(pidOf(line)));
      t.deepEqual(lines.map(comparable).toSorted(), expected.map(comparable).toSorted());
    });
  });
}

const pidOf = (line: string) => line.split(' ')[2];

/** A connection that nobody answered has no number of the peer's, and so no id that all watchers make alike. */
function comparable(line: string): string {
  return / (cancelled|refused) /.test(line) ? line.replace(/ \w+ /, ' - ') : line;
}

test.serial('05-library, with the shared library, says what the agent says', async (t) => {
  await compare(t, compile('shared', EXAMPLE, pkgConfig('--cflags', '--libs')), ofC);
});

test.serial('05-library, with the static library, too, and needs it no more', async (t) => {
  const flags = pkgConfig('--static', '--cflags', '--libs');
  const program = compile(
    'static',
    EXAMPLE,
    flags.map((flag) => (flag === '-lsockflow' ? '-l:libsockflow.a' : flag)),
  );
  t.notRegex(execFileSync('ldd', [program], { encoding: 'utf8' }), /libsockflow/);
  await compare(t, program, ofC);
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
  const { ended } = await start(t, program, ['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
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
