/**
 * The agent on other kernels than this host's: Debian's for x86-64 and arm64, each in a virtual machine, and this host's as the
 * control. What is there is checked against what the programs did and what that kernel counted; what is not there, against
 * golden/: what `sockflow check` and the ready line say, and how much the verifier had to look at. A change that is meant is
 * recorded with GOLDEN=write, and read in the diff. SERIES: of these alone, separated by spaces.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { attribute, ends, type JsonRecord } from '../support/agent.ts';
import { type Essentials, readEssentials } from '../support/essentials.ts';
import { moved } from '../support/flows.ts';
import { type Guest, guestForArm64, guestLikeHost } from '../support/guest.ts';
import { payload } from '../support/lab.ts';
import { output, TIED } from '../support/processes.ts';
import { books } from '../support/summary.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';
import { type Machine, runMachine } from '../support/virtual-machine.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const GUEST = join(import.meta.dirname, 'guest');
const GOLDEN = join(import.meta.dirname, 'golden');
const ALL = '6.1 6.12 6.1-arm64 6.12-arm64 6.12-arm64-16k';
const SERIES = (process.env.SERIES ?? ALL).split(' ').filter(Boolean);
/** Seconds. An idle machine takes two minutes for one, and one that is shared by ten people a quarter of an hour. */
const PATIENCE = 1500;

let directory: string;
let host: Guest;

test.before((t) => {
  t.timeout(300_000, 'it is compiled');
  directory = sharedDirectory();
  host = guestLikeHost(directory);
});

test.after.always(() => removeDirectory(directory));

const control = release().split('.').slice(0, 2).join('.');

onKernel(`${control}, this host's`, control, async (results) => {
  const command = ['unshare', '--net', 'bash', join(GUEST, 'essentials.sh')];
  const [file = '', ...args] = [...TIED, ...command, host.sockflow, host.programs, results];
  await output(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }), 'essentials.sh');
});

for (const series of SERIES)
  onKernel(series, series, async (results) => {
    const kernel = execFileSync(join(CHECKOUT, 'scripts/lib/fetch-kernel'), [series], { encoding: 'utf8' }).trim();
    const guest = series.includes('arm64') ? guestForArm64(directory) : host;
    const machine: Machine = {
      ...guest,
      scenario: 'essentials',
      kernel,
      results,
      directory: join(directory, series),
      seconds: PATIENCE,
    };
    mkdirSync(machine.directory);
    const said = await runMachine(machine);
    const done = join(results, 'ended');
    const code = existsSync(done) ? readFileSync(done, 'utf8').trim() : 'no code';
    if (code !== '0') throw new Error(`ended with ${code}: ${readFileSync(join(results, 'console'), 'utf8')}${said}`);
  });

/** The tests of one kernel. `run` runs the guest's script on it. */
function onKernel(title: string, series: string, run: (results: string) => Promise<void>): void {
  let seen: Essentials;

  test.serial(`Linux ${title}: the agent starts, sees the workload and ends`, async (t) => {
    t.timeout((PATIENCE + 60) * 1000, 'a virtual machine');
    const results = join(directory, `results-${series}-${title.length}`);
    mkdirSync(results);
    await run(results);
    seen = readEssentials(results);
    t.log(`${seen.release}: ${seen.ready}`);
    const [version = '', ...flavour] = series.split('-');
    t.true(seen.release.startsWith(`${version}.`));
    t.true(seen.release.endsWith(flavour.join('-')));
    t.regex(seen.ready, /; no capabilities left$/);
    t.is(seen.code, 0);
  });

  test.serial(`Linux ${title}: no connection is missing, by the kernel's own counters and the programs' bytes`, (t) => {
    judgeConnections(t, seen);
    judgeBytes(t, seen);
  });

  test.serial(
    `Linux ${title}: a segment that was lost is told when it is sent again, and an end by reset is one`,
    (t) => {
      const retransmits = seen.records.filter((record) => record.event_name === 'sockflow.connection.retransmit');
      t.is(sum(retransmits, 'sockflow.tcp.retransmit.segments'), seen.counted['Tcp.RetransSegs'] ?? -1);
      const of = (port: number) => (record: JsonRecord) => attribute(record, 'server.port') === port;
      t.true(retransmits.filter(of(seen.ports.lossy)).length >= 2);
      t.true(sum(retransmits.filter(of(seen.ports.muted)), 'sockflow.tcp.retransmit.segments') >= 2);
      const reset = ends(seen.records).filter(of(seen.ports.reset));
      t.deepEqual(reset.map(ending).toSorted(), ['client reset_remote 5/0', 'server reset_local 0/5']);
    },
  );

  test.serial(`Linux ${title}: what is off is what check says, and nothing of it is told all the same`, (t) => {
    judgeFeatures(t, seen);
    judgeUdp(t, seen);
    const updates = seen.records.filter((record) => record.event_name === 'sockflow.connection.update');
    t.is(updates.length > 0, isOn(seen, 'updates of live connections'));
  });

  test.serial(`Linux ${title}: check, ready line and the verifier's work are those that were recorded`, (t) => {
    judgeGolden(t, series, seen);
  });

  test.serial(`Linux ${title}: nothing is left in the kernel`, (t) => {
    t.true(Object.keys(seen.verified).length > 10);
    t.is(seen.left, '');
  });
}

function judgeConnections(t: ExecutionContext, { records, counted, summary }: Essentials): void {
  const tcp = ends(records).filter((record) => attribute(record, 'network.transport') === 'tcp');
  const failed = tcp.filter((record) => record.event_name === 'sockflow.connection.failed');
  const roles = (role: string) => tcp.filter((record) => attribute(record, 'sockflow.connection.role') === role).length;
  t.is(roles('client'), counted['Tcp.ActiveOpens'] ?? -1);
  t.is(roles('server'), counted['Tcp.PassiveOpens'] ?? -1);
  t.is(failed.length, counted['Tcp.AttemptFails'] ?? -1);
  const reasons = failed.map((record) => attribute(record, 'sockflow.connection.close.reason'));
  t.is(reasons.filter((reason) => reason === 'refused').length, 23 + 19);
  t.is(reasons.filter((reason) => reason === 'timeout').length, 2);
  const { opened, closed, live, lost } = books(summary);
  t.deepEqual({ live, lost }, { live: 0, lost: {} });
  t.is(opened, closed);
}

function idOf(record: JsonRecord): unknown {
  return attribute(record, 'sockflow.connection.id');
}

/** Each connection of the clients, at both ends, of the programs that had it. */
function judgeBytes(t: ExecutionContext, { records, exchanges }: Essentials): void {
  const all = ends(records);
  const wanted = exchanges.flatMap(({ pid, connections }) => connections.map((connection) => ({ pid, ...connection })));
  t.is(wanted.length, 3 * 25);
  for (const { pid, port, sent, received } of wanted) {
    // Two clients may have had the same port, one after the other: they dialled different servers.
    const found = all.filter((record) => attribute(record, 'client.port') === port);
    const [client, again] = found.filter((record) => attribute(record, 'process.pid') === pid);
    const [server, third] = found.filter((record) => record !== client && client && idOf(record) === idOf(client));
    if (!client || !server || again || third)
      throw new Error(`not two ends of the connection from port ${port}: ${JSON.stringify(found)}`);
    t.deepEqual([payload(client), payload(server)], [`${sent}/${received}`, `${received}/${sent}`]);
    t.deepEqual(
      [owner(client), owner(server)].map((path) => path.split('/').at(-1)),
      ['tcp-client', 'tcp-server'],
    );
  }
}

/** By the names of `sockflow check`, as the ready line calls them. */
const called: Readonly<Record<string, string>> = {
  'UDP conversations': 'udp',
  'updates of live connections': 'updates of live connections',
  'owners by sending': 'owners by sending',
  'dropped segments': 'dropped segments',
  'names by DNS': 'names by DNS',
};

function judgeFeatures(t: ExecutionContext, seen: Essentials): void {
  const states = new Map(seen.findings.map(({ name, state }) => [name, state]));
  t.is(states.get('TCP connections'), 'ok');
  for (const [name, word] of Object.entries(called)) t.is(isOn(seen, word), states.get(name) === 'ok', name);
  const drops = seen.records.filter((record) => record.event_name === 'sockflow.connection.drop');
  // A listener's own count needs no hook.
  const segments = drops.filter((record) => attribute(record, 'sockflow.tcp.drop.reason') !== 'listen_queue');
  if (!isOn(seen, 'dropped segments')) t.is(segments.length, 0);
  t.true(drops.length > segments.length);
}

function judgeUdp(t: ExecutionContext, seen: Essentials): void {
  const flows = seen.records.filter((record) => record.event_name === 'sockflow.flow.close');
  const ended = flows.map((record) => `${attribute(record, 'sockflow.connection.role')} ${moved(record)}`).toSorted();
  const wanted = ['client 20/2000 20/140', 'server 20/140 20/2000'];
  t.deepEqual(ended, isOn(seen, 'udp') ? wanted : []);
  t.is(seen.counted['Udp.OutDatagrams'], 40);
}

/** The part of the ready line that says what is off, without what is due to the host. */
function offOf({ ready }: Essentials): string {
  return /; off: (.*?); outputs/.exec(ready)?.[1] ?? '';
}

function isOn(seen: Essentials, feature: string): boolean {
  return !offOf(seen)
    .split(/,\s(?![^(]*\))/)
    .some((text) => text.startsWith(feature));
}

interface Golden {
  readonly off: string;
  readonly findings: Essentials['findings'];
  readonly verified: Essentials['verified'];
}

function judgeGolden(t: ExecutionContext, series: string, seen: Essentials): void {
  const file = join(GOLDEN, `${series}.json`);
  const now: Golden = { off: offOf(seen), findings: seen.findings, verified: seen.verified };
  if (process.env.GOLDEN === 'write') writeFileSync(file, `${JSON.stringify(now, undefined, 2)}\n`);
  if (!existsSync(file)) throw new Error(`nothing is recorded of Linux ${series}: GOLDEN=write records it in ${file}`);
  const before: Golden = JSON.parse(readFileSync(file, 'utf8'));
  t.is(now.off, before.off);
  t.deepEqual(now.findings, before.findings);
  t.deepEqual(Object.keys(now.verified), Object.keys(before.verified));
  for (const [name, count] of Object.entries(now.verified)) {
    const most = Math.floor((before.verified[name] ?? 0) * 1.1);
    t.true(
      count <= most,
      `${name}: ${count} instructions verified, more than ${most}, which is 10 % above what was recorded`,
    );
  }
}

function sum(records: readonly JsonRecord[], name: string): number {
  return records.reduce((total, record) => total + Number(attribute(record, name) ?? 0), 0);
}

function owner(record: JsonRecord): string {
  return String(attribute(record, 'process.executable.path') ?? '');
}

function ending(record: JsonRecord): string {
  return `${attribute(record, 'sockflow.connection.role')} ${attribute(record, 'sockflow.connection.close.reason')} ${payload(record)}`;
}
