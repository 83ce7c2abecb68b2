/** A program of Debian that watches connections, run as a subject: what it prints goes to a file and is counted there. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from '../../../test/support/netns.ts';
import { family, finished, settled, TIED } from '../../../test/support/processes.ts';
import { type Losses, type Outcome, type Running, type Subject, scratch } from '../subject.ts';

/** What of it the bench can look at. */
export interface Process {
  pid: number;
  /** Its stderr so far. */
  said(): string;
}

export interface Peer {
  name: string;
  /** Programs and the packages that bring them. */
  needs: Readonly<Record<string, string>>;
  owner: boolean;
  bpf: boolean;
  holdsBackSeconds: number;
  /** Runs in the namespace of the load. */
  command: readonly string[];
  /** What that namespace, and nothing else, needs first. */
  prepare?(namespace: Namespace): Promise<unknown>;
  /** By what can be seen of its hooks or sockets: from now on it misses nothing but what it loses. */
  watches(process: Process): boolean;
  /** In the file with its stdout; `port` is the server's. */
  count(file: string, port: number): Promise<Pick<Outcome, 'records' | 'connections'>>;
  /** Asked while it still runs. */
  losses?(process: Process): Losses | undefined | Promise<Losses | undefined>;
  /** From all that it said on stderr to its end, where it can't be asked before. */
  saidLosses?(said: string): Losses | undefined;
}

export function subjectOf(peer: Peer): Subject {
  const { name, owner, bpf, holdsBackSeconds } = peer;
  return {
    name,
    owner,
    bpf,
    threads: false,
    holdsBackSeconds,
    missing: () => missing(peer),
    start: (namespace) => start(peer, namespace),
  };
}

/** Runs a program of Debian inside, to its end. */
export function runInside(namespace: Namespace, program: string, args: readonly string[]): Promise<string> {
  return namespace.run(pathOf(program) ?? program, args);
}

function missing({ needs }: Peer): string | undefined {
  const packages = Object.entries(needs).filter(([program]) => pathOf(program) === undefined);
  if (packages.length === 0) return undefined;
  return `not installed (apt-get install ${packages.map(([, name]) => name).join(' ')})`;
}

/** Where Debian has its programs. Not PATH: `npm run` puts node_modules/.bin first, where others of the same names are. */
const DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const;

function pathOf(program: string): string | undefined {
  return DIRECTORIES.map((directory) => join(directory, program)).find(existsSync);
}

const PATIENCE = 20_000;

async function start(peer: Peer, namespace: Namespace): Promise<Running> {
  const directory = scratch();
  const files = { out: join(directory, 'out'), err: join(directory, 'err') };
  await peer.prepare?.(namespace);
  const begin = performance.now();
  const child = launch(peer, namespace, files);
  const inspected: Process = { pid: child.pid ?? 0, said: () => readFileSync(files.err, 'utf8') };
  const clear = () => {
    killAll(child);
    rmSync(directory, { recursive: true, force: true });
  };
  const lives = () => child.exitCode === null && child.signalCode === null;
  const ready = await settled(() => !lives() || watches(peer, inspected), Boolean, PATIENCE);
  if (!ready || !lives()) {
    const said = inspected.said().trim();
    clear();
    throw new Error(`${peer.name} did not start: ${said || `it does not watch after ${PATIENCE / 1000} s`}`);
  }
  return {
    pid: inspected.pid,
    readySeconds: (performance.now() - begin) / 1000,
    collectorPid: undefined,
    async stop(port) {
      if (!lives()) throw new Error(`${peer.name} ended before it was asked to: ${inspected.said().trim()}`);
      const losses = await end(peer, child, inspected);
      return { ...(await peer.count(files.out, port)), losses, summary: inspected.said().trim() };
    },
    clear,
  };
}

/** In order: it writes what it has. */
async function end(peer: Peer, child: ChildProcess, inspected: Process): Promise<Losses | undefined> {
  const whileAlive = await peer.losses?.(inspected);
  child.kill('SIGINT');
  await finished(child);
  return whileAlive ?? peer.saidLosses?.(inspected.said());
}

function launch({ command }: Peer, namespace: Namespace, { out, err }: { out: string; err: string }): ChildProcess {
  const [tied, ...args] = [...TIED, ...command];
  const descriptors = [out, err].map((file) => openSync(file, 'w')) as [number, number];
  const env = { ...process.env, PATH: DIRECTORIES.join(':'), LC_ALL: 'C' };
  const child = namespace.spawn(tied, args, { stdio: ['ignore', ...descriptors], env });
  descriptors.forEach(closeSync);
  return child;
}

function watches(peer: Peer, inspected: Process): boolean {
  try {
    return peer.watches(inspected);
  } catch {
    return false; // ended meanwhile, or a descriptor did
  }
}

/** With what it has started; of those that have ended already there is nothing to end. */
function killAll(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of family(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended meanwhile.
    }
  }
}
