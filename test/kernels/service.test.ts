/** The unit as it is shipped, under a systemd that is the first process of a machine: its rights, its user, its life. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attribute, type JsonRecord } from '../support/agent.ts';
import { readExchange } from '../support/essentials.ts';
import { guestLikeHost } from '../support/guest.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';
import { runMachine } from '../support/virtual-machine.ts';

const FETCH = join(import.meta.dirname, '../../scripts/lib/fetch-kernel');
const PATIENCE = 1500;

let directory: string;
/** A file that the guest left. */
const read = (name: string) => readFileSync(join(directory, 'results', name), 'utf8').trim();
/** What systemd says of the unit at that time. */
const state = (name: string) =>
  Object.fromEntries(
    read(name)
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

test.before(async (t) => {
  t.timeout((PATIENCE + 300) * 1000, 'a virtual machine');
  directory = sharedDirectory();
  const kernel = execFileSync(FETCH, ['6.12'], { encoding: 'utf8' }).trim();
  for (const name of ['results', 'machine']) mkdirSync(join(directory, name));
  const said = await runMachine({
    ...guestLikeHost(directory),
    scenario: 'service',
    kernel,
    results: join(directory, 'results'),
    directory: join(directory, 'machine'),
    seconds: PATIENCE,
  });
  const code = existsSync(join(directory, 'results/ended')) ? read('ended') : 'no code';
  if (code !== '0') throw new Error(`ended with ${code}: ${read('console')}${said.slice(-2000)}`);
});

test.after.always(() => removeDirectory(directory));

test('it is up when it is ready, says what it does, and has no root and no capability by then', (t) => {
  t.like(state('started'), { ActiveState: 'active', SubState: 'running', NRestarts: '0', WatchdogUSec: '1min' });
  t.regex(state('started').StatusText ?? '', /^Linux 6\.12\.\S+, watching tcp and udp; .*; no capabilities left$/);
  t.notRegex(state('started').StatusText ?? '', /off:/);
  const [agent, helper, ...others] = read('rights').split(/^(?=Name:)/m);
  t.deepEqual(others, []);
  for (const rights of [agent, helper]) {
    t.regex(rights ?? '', /^Uid:\t[1-9]/m);
    t.regex(rights ?? '', /^NoNewPrivs:\t1$/m);
    t.regex(rights ?? '', /^Seccomp:\t2$/m);
  }
  t.regex(agent ?? '', /^CapEff:\t0{16}$/m);
  t.regex(agent ?? '', /^CapPrm:\t0{16}$/m);
  t.regex(helper ?? '', /^CapEff:\t0000000000281000$/m, 'NET_ADMIN, SYS_PTRACE, SYS_ADMIN: docs/privileges.md');
});

test('the journal has both ends of each connection, with the unit that they belong to', (t) => {
  const records: JsonRecord[] = read('journal')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  const ours = records.filter((record) =>
    /^tcp-(client|server)$/.test(`${attribute(record, 'process.executable.name')}`),
  );
  t.is(ours.length, 2 * 25);
  t.true(ours.every((record) => attribute(record, 'sockflow.systemd.unit') === 'judged.service'));
  const { pid, connections } = readExchange(read('exchange'));
  const clients = ours.filter((record) => attribute(record, 'process.pid') === pid);
  t.is(clients.length, 25);
  const bytes = (way: string) =>
    clients.map((record) => attribute(record, `sockflow.connection.${way}.bytes`)).toSorted();
  t.deepEqual(bytes('sent'), connections.map(({ sent }) => sent).toSorted());
  t.deepEqual(bytes('received'), connections.map(({ received }) => received).toSorted());
});

test('it reads its configuration again, is started again when it is killed, and ends in order', (t) => {
  t.regex(read('journal'), /^sockflow: configuration read again: nothing has changed$/m);
  t.like(state('restarted'), { ActiveState: 'active', NRestarts: '1' });
  t.not(state('restarted').MainPID, state('started').MainPID);
  t.like(state('stopped'), { ActiveState: 'inactive', Result: 'success', ExecMainStatus: '0' });
  t.regex(read('journal'), /^sockflow: \d+ records \(opened .*, unsent 0, lost \d/m);
});

test('what nobody took stays in its directory, which is for nobody else, and nothing is left in the kernel', (t) => {
  const [top, ...files] = read('spool')
    .split('\n')
    .map((line) => line.split(' '));
  t.is(top?.[0], '700');
  t.true(files.every(([mode = '']) => /^[67]00$/.test(mode)));
  t.true(
    files.reduce((bytes, [, size]) => bytes + Number(size), 0) > 50_000,
    'what the run that was killed had written is there',
  );
  const programs: { name?: string }[] = JSON.parse(read('programs.json'));
  t.deepEqual(
    programs.filter(({ name }) => /^(tcp_state|arriving|leaving|received)/.test(name ?? '')),
    [],
  );
});
