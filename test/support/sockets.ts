/** Processes that make one system call when the test says so: for an exact order of events (test/workloads/sockets.c). */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { built } from './compile.ts';
import type { Namespace } from './netns.ts';
import { finished } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

/** A workload program under a name of the test's own, so that a record that names it can't mean another. */
export function named(t: ExecutionContext, workload: string, name: string): string {
  const file = join(temporaryDirectory(t), name);
  copyFileSync(built(`test/workloads/${workload}.c`), file);
  chmodSync(file, 0o755);
  return file;
}

export interface Answer {
  /** Who made the call; another one after a fork. */
  pid: number;
  result: number;
  /** errno; 0 when the call succeeded. */
  error: number;
}

type Word = string | number;

/** poll's events. */
export const READABLE = 1;
export const WRITABLE = 4;

export class Sockets {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    if (!child.stdout) throw new Error('no stdout');
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line)));
    child.once('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the process has ended'));
    });
  }

  /** `file`: the program under a name of the test's own. */
  static start(namespace: Namespace, file = built('test/workloads/sockets.c')): Sockets {
    return new Sockets(namespace.spawn(file, [], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Makes a call, whatever comes of it. */
  ask(...words: Word[]): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push(answer);
    this.#child.stdin?.write(`${words.join(' ')}\n`);
    return answer.promise;
  }

  /** Makes a call that must succeed; its result. */
  async do(...words: Word[]): Promise<number> {
    const { result, error } = await this.ask(...words);
    if (error) throw new Error(`${words.join(' ')}: errno ${error}`);
    return result;
  }

  /** The errno of a call; 0 when it succeeded. */
  async errno(...words: Word[]): Promise<number> {
    return (await this.ask(...words)).error;
  }

  /** A fork's child, or its parent again after the child's `exit`. */
  async answer(): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push(answer);
    return answer.promise;
  }

  /** Ends the child of a fork; the parent goes on. */
  async exitChild(): Promise<void> {
    await this.ask('exit');
  }

  /** Lets it end by itself: descriptors are closed by its exit. */
  async exit(): Promise<void> {
    this.#child.stdin?.end();
    await finished(this.#child);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  /** A socket that listens; its descriptor and port. */
  async listen(address = '127.0.0.1', backlog = 128, protocol = 0, port = 0): Promise<{ fd: number; port: number }> {
    const fd = await this.socket(address, { protocol });
    await this.do('bind', fd, address, port);
    await this.do('listen', fd, backlog);
    return { fd, port: await this.do('local-port', fd) };
  }

  socket(address = '127.0.0.1', { nonblocking = false, protocol = 0 } = {}): Promise<number> {
    return this.do('socket', address.includes(':') ? 6 : 4, nonblocking ? 1 : 0, protocol);
  }

  /** A connected socket. */
  async connect(address: string, port: number, protocol = 0): Promise<number> {
    const fd = await this.socket(address, { protocol });
    await this.do('connect', fd, address, port);
    return fd;
  }
}

/** Option names and levels of Linux, as numbers. */
export const option = {
  reuseAddress: [1, 2],
  keepalive: [1, 9],
  keepIdle: [6, 4],
  keepInterval: [6, 5],
  keepCount: [6, 6],
  synCount: [6, 7],
  userTimeout: [6, 18],
  fastOpen: [6, 23],
  fastOpenConnect: [6, 30],
} as const;

/** level and name of SO_ERROR. */
export const SO_ERROR = [1, 4] as const;

export interface Pair {
  port: number;
  listener: number;
  /** Descriptors of the two ends. */
  client: number;
  server: number;
}

/** A connection between two such processes, accepted. */
export async function connected(client: Sockets, server: Sockets, address = '127.0.0.1', protocol = 0): Promise<Pair> {
  const listener = await server.listen(address, 128, protocol);
  const fd = await client.connect(address, listener.port, protocol);
  return { port: listener.port, listener: listener.fd, client: fd, server: await server.do('accept', listener.fd) };
}
