/**
 * Network namespaces of the tests' own: nothing that a test does is seen by the host's network, and what the kernel counts
 * there is the test's traffic and nothing else.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { finished, output } from './processes.ts';

export class Namespace {
  /** For nsenter --net= and setns. */
  readonly path: string;
  /** What the agent calls `sockflow.network.namespace`. */
  readonly inode: number;
  readonly #holder: ChildProcess;
  readonly #started = new Set<ChildProcess>();

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/ns/net`;
    this.inode = Number(/\[(\d+)\]/.exec(readlinkSync(this.path))?.[1]);
  }

  /**
   * The namespace is held by a process instead of a name, so it has no mount and can't outlive the test: `cat` ends when
   * its stdin does, even if the test is killed.
   */
  static async create(): Promise<Namespace> {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(holder, 'exit').then(() => Promise.reject(new Error('no network namespace (needs root)')));
    await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => {});
    return new Namespace(holder);
  }

  /** Starts a program inside. It has the pid of the returned child, whose parent is the test. */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.path}`, file, ...args], options);
    this.#started.add(child);
    child.once('exit', () => this.#started.delete(child));
    return child;
  }

  /** Runs a program inside to its end; returns its stdout. */
  async run(file: string, args: readonly string[] = []): Promise<string> {
    return output(this.spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }), file);
  }

  async close(): Promise<void> {
    const started = [...this.#started];
    for (const child of started) child.kill('SIGKILL');
    this.#holder.stdin?.end();
    await Promise.all([...started, this.#holder].map(finished));
  }
}

export async function withNamespace<T>(body: (namespace: Namespace) => Promise<T>): Promise<T> {
  const namespace = await Namespace.create();
  try {
    return await body(namespace);
  } finally {
    await namespace.close();
  }
}
