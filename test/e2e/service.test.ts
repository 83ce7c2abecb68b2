/** The unit for systemd, as far as it can be tried without one: its rights, its user, what it is told. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { type Agent, spawnAgent, startAgent } from '../support/agent.ts';
import { built } from '../support/compile.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { eventually, result } from '../support/processes.ts';
import { connected } from '../support/sockets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const UNIT = join(CHECKOUT, 'packaging/sockflow.service');
const settings = new Map(
  readFileSync(UNIT, 'utf8')
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

test('systemd has nothing to say against it, and rates it 3.0 at most', (t) => {
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=30', UNIT], {
    encoding: 'utf8',
  });
  const rated = Number(/Overall exposure level .*: ([\d.]+)/.exec(stdout)?.[1]);
  t.true(rated > 0 && rated <= 3.0, stdout);
  const page = readFileSync(join(import.meta.dirname, '../../docs/privileges.md'), 'utf8');
  t.true(page.includes(`rates it ${rated.toFixed(1)},`), `the page says something else than ${rated}`);
});

/** Who is nobody's user may not be let into the checkout, below /root for example: it is there for everybody, too. */
const THERE = '/mnt';

/**
 * Commands that start the agent, from there, with what the unit gives: the capabilities, and a user that is nobody's. `more`: what
 * else comes before it.
 */
function asService(...more: string[]): string[] {
  const names = (settings.get('AmbientCapabilities') ?? '')
    .split(' ')
    .map((name) => name.replace('CAP_', '').toLowerCase());
  const set = names.map((name) => `+${name}`).join(',');
  return [
    ...['unshare', '--mount', 'sh', '-c', `mount --bind "$0" ${THERE} && exec "$@"`, CHECKOUT],
    ...['setpriv', '--reuid=61234', '--regid=61234', '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=-all,${set}`, `--inh-caps=-all,${set}`, `--ambient-caps=-all,${set}`],
    ...more,
    ...['sh', '-c', `shift && exec ${THERE}/bin/sockflow "$@"`, 'sh'],
  ];
}

/** The names behind a list as SystemCallFilter= has it: groups are systemd's, and may hold others. */
function systemCalls(list: string): string[] {
  const groups = new Map<string, string[]>();
  let members: string[] = [];
  const text = execFileSync('systemd-analyze', ['syscall-filter'], { encoding: 'utf8', stdio: 'pipe' });
  for (const line of text.split('\n')) {
    if (/^ +[@\w]/.test(line)) members.push(line.trim());
    if (!line.startsWith('@')) continue;
    members = [];
    groups.set(line.trim(), members);
  }
  const expand = (name: string): string[] => (name.startsWith('@') ? (groups.get(name) ?? []).flatMap(expand) : [name]);
  return [...new Set(list.split(' ').flatMap(expand))];
}

/** A command that lets who comes after it make these system calls alone. */
function filtered(calls: readonly string[]): string[] {
  const program = join(THERE, relative(CHECKOUT, built('test/workloads/filtered.c', 'seccomp')));
  return [program, ...calls, '--'];
}

test.serial('the system calls that the unit allows are enough, from the start to the end', async (t) => {
  const calls = systemCalls(settings.get('SystemCallFilter') ?? '');
  t.true(calls.length > 200);
  await withLab(t, async (lab) => {
    const through = asService(...filtered(calls));
    const agent = await startAgent(watching(lab.namespace, '--events', 'close,failed'), { through });
    t.teardown(() => agent.kill9());
    t.regex(agent.ready, /watching tcp and udp; .*; no capabilities left$/);
    t.notRegex(agent.ready, /off:/);
    await oneConnection(agent, lab);
    t.is((await agent.stop('SIGTERM')).code, 0);
  });
});

test.serial('where a filter does not let it forbid itself anything, it says what has to be allowed', async (t) => {
  // Newer versions of systemd have it in a group.
  const calls = systemCalls(settings.get('SystemCallFilter') ?? '').filter((name) => name !== 'seccomp');
  const { code, stderr } = await result(spawnAgent(['--duration', '1s'], { through: asService(...filtered(calls)) }));
  t.is(code, 1);
  t.regex(stderr, /cannot forbid system calls: .*; allow capset\(2\) and seccomp\(2\) .*SystemCallFilter=/);
});

/** From its begin until the agent has told of both ends. */
async function oneConnection(agent: Agent, { namespace, client, server }: Lab): Promise<void> {
  const pair = await connected(client, server);
  await client.do('close', pair.client);
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
  await agent.waitForEnds(namespace, 2);
}

async function listen(t: ExecutionContext, path: string): Promise<string[]> {
  const child = spawn(built('test/workloads/notified.c'), [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await eventually(
    'its socket',
    async () => lines,
    (all) => all.length > 0,
  );
  return lines;
}

for (const [title, name] of [
  ['a path', ''],
  ['an abstract name', '@sockflow-test-'],
] as const)
  test.serial(`it is told that it is ready, that it lives, and that it stops, by ${title}`, async (t) => {
    const path = name ? `${name}${process.pid}` : join(temporaryDirectory(t), 'notify');
    const lines = await listen(t, path);
    if (!name) execFileSync('chmod', ['777', path, join(path, '..')]);
    t.is(settings.get('Type'), 'notify');
    await withLab(t, async (lab) => {
      const env = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' };
      const agent = await startAgent(watching(lab.namespace, '--events', 'close'), { env, through: asService() });
      t.teardown(() => agent.kill9());
      t.regex(agent.ready, /watching tcp and udp; .*; no capabilities left$/);
      t.notRegex(agent.ready, /off:/);
      await oneConnection(agent, lab);
      const alive = (all: readonly string[]) => all.filter((line) => line.startsWith('WATCHDOG=1')).length >= 3;
      await eventually('signs of life', async () => lines, alive);
      t.is((await agent.stop('SIGTERM')).code, 0);
      await eventually(
        'the end',
        async () => lines,
        (all) => all.at(-1)?.startsWith('STOPPING=1') === true,
      );
      t.regex(lines[1] ?? '', /^READY=1 STATUS=Linux \S+, watching tcp and udp; outputs: stdout/);
    });
  });
