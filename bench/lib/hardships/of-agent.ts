/** What can befall the agent itself: too little of something, or no time to run. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { family } from '../../../test/support/processes.ts';
import { Sockets } from '../../../test/support/sockets.ts';
import { makeCgroup, runLives } from './lives.ts';
import { endure, type Hardship, type Row, type Scene, type Trouble } from './rig.ts';

const STALL = join(import.meta.dirname, '../../../test/support/stall.ts');
const STALL_SECONDS = 5;
const SUSPENDED_SECONDS = 30;

/** More connections than the table has room for, each with both of its ends here. */
const HELD = 3000;
const TABLE = '1024';

async function hold({ namespace }: Scene): Promise<() => Promise<void>> {
  const [client, server] = [Sockets.start(namespace), Sockets.start(namespace)];
  const listener = await server.listen('127.0.0.1', 4096);
  await client.do('connect-many', HELD, '127.0.0.1', listener.port);
  await server.do('accept-many', listener.fd, HELD);
  return async () => {
    await Promise.all([client.kill(), server.kill()]);
  };
}

/** The load begins when it stands still, and is over before it goes on. */
async function suspend({ agent }: Scene): Promise<() => Promise<void>> {
  process.kill(agent.pid, 'SIGSTOP');
  const enough = sleep(SUSPENDED_SECONDS * 1000);
  return async () => {
    await enough;
    process.kill(agent.pid, 'SIGCONT');
  };
}

/** JavaScript alone stands still; the reader thread does not. */
async function stall({ agent }: Scene): Promise<() => Promise<void>> {
  process.kill(agent.pid, 'SIGUSR2');
  const enough = sleep(STALL_SECONDS * 1000);
  return () => enough;
}

/** Not one descriptor more than it has. */
async function noDescriptors({ agent }: Scene): Promise<() => Promise<void>> {
  const all = family(agent.pid);
  const limit = (pid: number, descriptors: number) => {
    const { status } = spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${descriptors}:${UNLIMITED}`]);
    if (status !== 0) throw new Error(`prlimit of ${pid} ended with ${status}`);
  };
  for (const pid of all) limit(pid, highest(pid) + 1);
  return async () => {
    for (const pid of all) limit(pid, UNLIMITED);
  };
}

const UNLIMITED = 1024;

/** Numbers are given from the lowest that is free, so those below it have to be taken, too: fewer than there are threads. */
function highest(pid: number): number {
  return Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
}

/** Where a controller of version 1 or 2 is. */
function rootOf(controller: 'cpu' | 'memory'): string {
  const version1 = `/sys/fs/cgroup/${controller}`;
  return existsSync(version1) ? version1 : '/sys/fs/cgroup';
}

interface Limit {
  readonly controller: 'cpu' | 'memory';
  /** What is written where; files that are not there are of the other version. */
  readonly set: Readonly<Record<string, string>>;
  readonly lift: Readonly<Record<string, string>>;
}

function write(directory: string, settings: Limit['set']): void {
  const here = Object.entries(settings).filter(([file]) => existsSync(join(directory, file)));
  if (here.length === 0) throw new Error(`none of ${Object.keys(settings)} is in ${directory}: no such controller`);
  for (const [file, value] of here) writeFileSync(join(directory, file), value);
}

/** Starts in a cgroup of its own, which gets its limit when it is ready, and is rid of it when the load is over. */
async function withLimit({ controller, set, lift }: Limit, name: string): Promise<Row> {
  const { directory, remove } = makeCgroup('limit', rootOf(controller));
  const through = ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', directory];
  const begin = async () => {
    write(directory, set);
    return async () => write(directory, lift);
  };
  try {
    return await endure({ name, options: () => ({ through }), begin });
  } finally {
    remove();
  }
}

const MEMORY = `${256 * 2 ** 20}`;
const limits: Readonly<Record<string, Limit>> = {
  'memory limit 256 MiB': {
    controller: 'memory',
    set: { 'memory.limit_in_bytes': MEMORY, 'memory.max': MEMORY },
    lift: { 'memory.limit_in_bytes': '-1', 'memory.max': 'max' },
  },
  'CPU limit 5 %': {
    controller: 'cpu',
    set: { 'cpu.cfs_quota_us': '5000', 'cpu.max': '5000 100000' },
    lift: { 'cpu.cfs_quota_us': '-1', 'cpu.max': 'max' },
  },
};

const troubles: readonly Trouble[] = [
  { name: 'ring full', args: ['--ring-size', '64KiB'] },
  { name: 'tables full', args: ['--max-connections', TABLE, '--no-snapshot'], begin: hold },
  {
    name: `JavaScript stalled ${STALL_SECONDS} s`,
    options: () => ({ env: { NODE_OPTIONS: `--import=${STALL}`, SOCKFLOW_STALL_SECONDS: `${STALL_SECONDS}` } }),
    begin: stall,
  },
  {
    name: 'no descriptor left',
    begin: noDescriptors,
    load: (namespace) => runLives(namespace, 'processes', 5000, ['--parallel', '16']),
  },
  { name: `suspended ${SUSPENDED_SECONDS} s`, begin: suspend },
];

export const ofAgent: readonly Hardship[] = [
  ...troubles.map((trouble) => ({ name: trouble.name, run: () => endure(trouble) })),
  ...Object.entries(limits).map(([name, limit]) => ({ name, run: () => withLimit(limit, name) })),
];
