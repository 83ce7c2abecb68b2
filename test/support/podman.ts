/** A real Podman of the test's own: storage, state, socket and mounts. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { writeBusyboxRoot } from './busybox-image.ts';
import { watchCgroups } from './cgroup.ts';
import { Mounts } from './mounts.ts';
import type { Namespace } from './netns.ts';
import { finished, output, TIED, tearDown } from './processes.ts';

export const IMAGE = 'localhost/sockflow/busybox:1.2';

/** What a host without CAP_SYS_RESOURCE lets a container have, and a version 1 of cgroups beside version 2. */
const MODEST = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', '--network', 'host'];

export class Podman {
  readonly socket: string;
  readonly #directory: string;
  readonly #mounts: Mounts;
  readonly #removeCgroups = watchCgroups('libpod_parent', 'libpod_parent/*');
  #service: ChildProcess | undefined;

  private constructor(directory: string, mounts: Mounts) {
    this.#directory = directory;
    this.#mounts = mounts;
    this.socket = join(directory, 'podman.sock');
  }

  /** `directory`: short, since names of sockets are; the caller removes it. */
  static async start(directory: string, netns: Namespace): Promise<Podman> {
    const podman = new Podman(directory, await Mounts.create(netns, ['/run']));
    await podman.podman('import', writeBusyboxRoot(directory), IMAGE);
    return podman;
  }

  /** The service that answers on the socket. */
  serve(): void {
    this.#service = this.#spawn(TIED, ['system', 'service', '--time', '0', `unix://${this.socket}`], 'ignore');
  }

  /** Containers do not need it. */
  async killService(): Promise<void> {
    this.#service?.kill('SIGKILL');
    if (this.#service) await finished(this.#service);
  }

  async podman(...args: string[]): Promise<string> {
    return (await output(this.#spawn([], args, 'pipe'), `podman ${args[0]}`)).trim();
  }

  /** Runs a line of shell in a container to its end; the container is gone then. */
  run(name: string, line: string, ...options: string[]): Promise<string> {
    return this.podman('run', '--rm', '--name', name, ...MODEST, ...options, IMAGE, '/bin/sh', '-c', line);
  }

  /** The same, and does not wait; its id. */
  begin(name: string, line: string): Promise<string> {
    return this.run(name, line, '--detach');
  }

  async stop(): Promise<void> {
    await tearDown(
      () => this.podman('rm', '--all', '--force', '--time', '0'),
      () => this.killService(),
      () => this.#mounts.close(),
      this.#removeCgroups,
    );
  }

  #spawn(before: readonly string[], args: readonly string[], stdio: 'pipe' | 'ignore'): ChildProcess {
    const of = (name: string) => join(this.#directory, name);
    const places = ['--root', of('storage'), '--runroot', of('runroot'), '--tmpdir', of('tmp')];
    const manner = ['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
    const [file = '', ...rest] = [...before, 'podman', ...places, ...manner, '--runtime', 'runc', ...args];
    return this.#mounts.spawn(file, rest, { stdio: ['ignore', stdio, stdio] });
  }
}
