/** Programs that use libsockflow, beside an agent that sees the same traffic. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { attribute, type JsonRecord, withAgent } from './agent.ts';
import { exchange } from './exchange.ts';
import { boundDatagramSocket, datagramSocket } from './flows.ts';
import { type Lab, watching, withLab } from './lab.ts';
import { inTime, type Result, result } from './processes.ts';
import { runAttempts } from './workload.ts';

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Result>;
}

/** Starts a program; resolves when it has said what it watches. */
export async function startWatcher(
  t: ExecutionContext,
  program: string,
  env: NodeJS.ProcessEnv,
  through: readonly string[] = [],
): Promise<Running> {
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

export type Patterns = readonly [event: RegExp, id: RegExp, ...RegExp[]];

/** Where a line of 05-library.c has these. */
export const wordsOfC: Patterns = [
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

/** Runs a program beside an agent, behind other words if need be; both must have said the same of the same connections. */
export async function saysWhatTheAgentSays(
  t: ExecutionContext,
  program: string,
  patterns: Patterns,
  env: NodeJS.ProcessEnv,
  through: readonly string[] = [],
): Promise<void> {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, ...EVENTS), async (agent) => {
      const running = await startWatcher(t, program, env, through);
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
