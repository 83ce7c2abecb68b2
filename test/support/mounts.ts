/**
 * A mount namespace of a test's own, inside its network namespace: what a runtime mounts is not seen outside, and what it
 * leaves in these directories goes away with the namespace.
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Namespace } from './netns.ts';
import { finished, output } from './processes.ts';

export class Mounts {
  readonly #netns: Namespace;
  readonly #holder: ChildProcess;

  private constructor(netns: Namespace, holder: ChildProcess) {
    this.#netns = netns;
    this.#holder = holder;
  }

  /**
   * `directories` are empty in it, but for what iptables needs in /run. `contents`: what some files have in it, by their
   * paths; what is written there goes nowhere else. Held by `cat`, as network namespaces are.
   */
  static async create(
    netns: Namespace,
    directories: readonly string[],
    contents: Readonly<Record<string, string>> = {},
  ): Promise<Mounts> {
    const mounts = directories.map((directory) => `mount -t tmpfs none ${directory}`);
    const files = Object.entries(contents).map(
      ([path, content], number) =>
        `echo ${content} >/run/stand-in-${number} && mount --bind /run/stand-in-${number} ${path}`,
    );
    const script = [...mounts, ...files, 'mkdir -p /run/lock', 'echo up', 'exec cat'].join(' && ');
    const holder = netns.spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit').then(() => Promise.reject(new Error('no mount namespace (needs root)')));
    if (holder.stdout) await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => {});
    return new Mounts(netns, holder);
  }

  /** Starts a program inside. It has the pid of the returned child. */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.#netns.spawn('nsenter', [`--mount=/proc/${this.#holder.pid}/ns/mnt`, file, ...args], options);
  }

  /** Shows a file or socket at this path, too, to those inside. */
  async showAt(file: string, path: string): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && touch "$1" && mount --bind "$0" "$1"';
    const child = this.spawn('sh', ['-ec', script, file, path], { stdio: ['ignore', 'pipe', 'pipe'] });
    await output(child, `mount at ${path}`);
  }

  async close(): Promise<void> {
    this.#holder.stdin?.end();
    await finished(this.#holder);
  }
}
