/** The workloads of test/workloads: built when stale, started in a namespace, their own account of what they did. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { built } from './compile.ts';
import type { Namespace } from './netns.ts';
import { finished } from './processes.ts';

export type Program = 'tcp-server' | 'tcp-client' | 'short-lived' | 'short-lived-helper' | 'attempts' | 'lives';

/** Path of a workload program. */
export function program(name: Program): string {
  return built(`test/workloads/${name}.c`);
}

/** The program under a name and in a directory of the test's own: to the agent it is a program of its own. */
export function copyOf(name: Program, directory: string, as: string): string {
  chmodSync(directory, 0o755); // other users start it, too
  const path = join(directory, as);
  copyFileSync(program(name), path);
  chmodSync(path, 0o755);
  return path;
}

export type Family = '4' | '6' | 'mapped';

export interface Client {
  pid: number;
  connections: { port: number; sent: number; received: number }[];
}

export interface ClientOptions {
  file?: string;
  port: number;
  family?: Family;
  connections: number;
  user?: number;
}

export async function runClient(namespace: Namespace, options: ClientOptions): Promise<Client> {
  const { file = program('tcp-client'), port, family = '4', connections, user = 0 } = options;
  const args = ['--port', port, '--family', family, '--connections', connections, '--uid', user, '--gid', user];
  const said = JSON.parse(await namespace.run(file, args.map(String)));
  const triples: [number, number, number][] = said.connections;
  return {
    pid: said.pid,
    connections: triples.map(([port, sent, received]) => ({ port, sent, received })),
  };
}

export type ServerMode = 'loop' | 'prefork' | 'threads' | 'handover' | 'handover-late' | 'exec' | 'activation';

/** A connection as the serving process saw it. */
export interface Served {
  pid: number;
  peerPort: number;
  received: number;
  sent: number;
}

export interface ServerOptions {
  file?: string;
  mode?: ServerMode;
  family?: '4' | '6' | 'dual';
  user?: number;
  /** What `exec` and `activation` turn into. */
  handler?: string;
}

export class Server {
  readonly port: number;
  readonly pid: number;
  readonly workers: readonly number[];
  readonly #child: ChildProcess;
  readonly #served: Served[];

  constructor(child: ChildProcess, announcement: string, served: Served[]) {
    const { listening, pid, workers } = JSON.parse(announcement);
    this.port = listening;
    this.pid = pid;
    this.workers = workers;
    this.#child = child;
    this.#served = served;
  }

  /** Lets it end; returns what it served. */
  async stop(): Promise<Served[]> {
    this.#child.stdin?.end();
    await Promise.all([finished(this.#child), once(this.#child, 'close')]);
    return this.#served;
  }
}

export async function startServer(namespace: Namespace, options: ServerOptions = {}): Promise<Server> {
  const { file = program('tcp-server'), mode = 'loop', family = '4', user = 0, handler = file } = options;
  const args = [mode, '--family', family, '--uid', user, '--gid', user, '--program', handler];
  const child = namespace.spawn(file, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const served: Served[] = [];
  if (!child.stdout) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${file} ${mode} did not start`)));
  ended.catch(() => {});
  const [announcement] = await Promise.race([once(lines, 'line'), ended]);
  lines.on('line', (line) => served.push(JSON.parse(line)));
  return new Server(child, announcement, served);
}

export type AttemptKind = 'refused' | 'refused-async' | 'cancelled' | 'killed' | 'timed-out';

export interface Attempts {
  /** The process that made them. */
  pid: number;
  port: number;
  attempts: number;
  /** Connections that were made besides, to fill a queue. */
  established: number;
  errors: number[];
}

export interface AttemptOptions {
  file?: string;
  family?: Family;
  count?: number;
  user?: number;
}

export async function runAttempts(
  namespace: Namespace,
  kind: AttemptKind,
  options: AttemptOptions = {},
): Promise<Attempts> {
  const { file = program('attempts'), family = '4', count = 1, user = 0 } = options;
  const args = [kind, '--family', family, '--count', count, '--uid', user, '--gid', user];
  return JSON.parse(await namespace.run(file, args.map(String)));
}

export interface ShortLived {
  pid: number;
  processes: { pid: number; userId: number; bytes: number }[];
}

export interface ShortLivedOptions {
  file: string;
  helper: string;
  port: number;
  processes: number;
}

export async function runShortLived(namespace: Namespace, options: ShortLivedOptions): Promise<ShortLived> {
  const { file, helper, port, processes } = options;
  const args = ['--helper', helper, '--port', String(port), '--processes', String(processes)];
  const said = JSON.parse(await namespace.run(file, args));
  const triples: [number, number, number][] = said.processes;
  return { pid: said.pid, processes: triples.map(([pid, userId, bytes]) => ({ pid, userId, bytes })) };
}
