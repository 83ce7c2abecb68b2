/** `sockflow check` says what is there by trying it, and leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { type AgentOptions, spawnAgent } from '../support/agent.ts';
import { startCollector } from '../support/collector.ts';
import { eventually, result } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

interface Found {
  readonly name: string;
  readonly state: string;
  readonly found?: string;
  readonly lost?: string;
  readonly remedy?: string;
}

/** Ids of the BPF programs of the host. */
function programs(): number[] {
  const list = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'list']).toString()) as { id: number }[];
  return list.map(({ id }) => id).toSorted((a, b) => a - b);
}

async function check(args: readonly string[] = [], options: AgentOptions = {}) {
  const { code, stdout, stderr } = await result(spawnAgent(['check', '--format', 'json', ...args], options));
  const { complete, groups } = JSON.parse(stdout) as { complete: boolean; groups: { findings: Found[] }[] };
  const all = new Map(groups.flatMap(({ findings }) => findings).map((finding) => [finding.name, finding]));
  return { code, stderr, complete, all, state: (name: string) => all.get(name)?.state };
}

test.serial('with all rights all of the kernel side is there, and nothing stays attached', async (t) => {
  const before = programs();
  const { code, complete, state, stderr } = await check();
  t.is(code, 0, stderr);
  t.true(complete);
  for (const name of ['TCP connections', 'UDP conversations', 'names by DNS', 'updates of live connections', 'CAP_BPF'])
    t.is(state(name), 'ok', name);
  // The kernel frees them a moment after they were let go.
  const left = await eventually(
    'end of all its programs',
    () => programs().filter((id) => !before.includes(id)),
    (ids) => ids.length === 0,
  );
  t.deepEqual(left, []);
});

test.serial('as text it fits a terminal of 80 columns', async (t) => {
  const { code, stdout } = await result(spawnAgent(['check']));
  t.is(code, 0);
  t.regex(stdout, /^Kernel side\n {2}ok {6}TCP connections$/m);
  t.regex(stdout, /\nNothing that was asked for is missing\.\n$/);
  for (const line of stdout.split('\n')) t.true(line.length < 80 || /\S{60}/.test(line), line);
});

test.serial('without rights it says which, what is lost, and what to do', async (t) => {
  const { code, all, complete } = await check([], { through: ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] });
  t.is(code, 1);
  t.false(complete);
  t.is(all.get('CAP_BPF')?.state, 'missing');
  t.is(all.get('CAP_SYS_ADMIN')?.state, 'off');
  t.is(all.get('TCP connections')?.state, 'missing');
  t.regex(all.get('TCP connections')?.remedy ?? '', /root|CAP_BPF/);
});

test.serial('what cannot be seen fails only whom it was asked for', async (t) => {
  // No cgroup2 is mounted, and none may be.
  const through = [
    ...['unshare', '--mount', 'sh', '-c', 'umount -R /sys/fs/cgroup && exec "$@"', 'sh'],
    ...['setpriv', '--bounding-set=-all,+bpf,+perfmon,+net_admin', '--inh-caps=-all'],
  ];
  const some = await check([], { through });
  t.is(some.code, 0, some.stderr);
  t.is(some.state('UDP conversations'), 'off');
  t.truthy(some.all.get('UDP conversations')?.remedy);
  const asked = await check(['-u'], { through });
  t.is(asked.code, 1);
  t.is(asked.state('UDP conversations'), 'missing');
});

test.serial('a server is asked: one that is there takes an empty request, one that is not is missing', async (t) => {
  const collector = await startCollector({ directory: temporaryDirectory(t) });
  t.teardown(() => collector.stop());
  const endpoint = `http://127.0.0.1:${collector.grpcPort}`;
  const well = await check(['--otlp-endpoint', endpoint, '--traces', '--spool', temporaryDirectory(t)]);
  t.is(well.code, 0, JSON.stringify([...well.all.values()]));
  for (const name of ['OTLP logs', 'OTLP metrics', 'OTLP traces', '--spool']) t.is(well.state(name), 'ok', name);
  const ill = await check(['--otlp-endpoint', 'http://127.0.0.1:1', '--no-metrics']);
  t.is(ill.code, 1);
  t.is(ill.state('OTLP logs'), 'missing');
  t.is(ill.state('OTLP metrics'), undefined);
  t.regex(ill.all.get('OTLP logs')?.found ?? '', /^http:\/\/127\.0\.0\.1:1: /);
});

test.serial('a runtime or Kubernetes that was named and does not answer is missing', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const { code, state, all } = await check([
    '--docker-socket',
    socket,
    '--kubernetes',
    'kubelet',
    '--kubelet-endpoint',
    'http://127.0.0.1:1',
  ]);
  t.is(code, 1);
  t.is(state('docker'), 'missing');
  t.is(state('Kubernetes'), 'missing');
  t.regex(all.get('Kubernetes')?.found ?? '', /ECONNREFUSED/);
});
