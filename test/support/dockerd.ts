/** A real Docker of the test's own: data, state, socket, mounts and network, and an image made of busybox. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeBusyboxRoot } from './busybox-image.ts';
import { watchCgroups } from './cgroup.ts';
import { Mounts } from './mounts.ts';
import type { Namespace } from './netns.ts';
import { finished, output, TIED, tearDown } from './processes.ts';

export const IMAGE = 'sockflow.test:5000/shop/busybox:1.2';

export class Dockerd {
  readonly socket: string;
  readonly #directory: string;
  readonly #netns: Namespace;
  readonly #log: string;
  readonly #removeCgroups = watchCgroups('docker');
  #mounts: Mounts | undefined;
  #containerd: ChildProcess | undefined;
  #child: ChildProcess | undefined;

  /** `directory`: short, since names of sockets are; the caller removes it. */
  constructor(directory: string, netns: Namespace) {
    this.#directory = directory;
    this.#netns = netns;
    this.#log = join(directory, 'dockerd.log');
    this.socket = join(directory, 'docker.sock');
    const configuration = {
      'data-root': join(directory, 'data'),
      'exec-root': join(directory, 'exec'),
      pidfile: join(directory, 'dockerd.pid'),
      hosts: [`unix://${this.socket}`],
      containerd: join(directory, 'containerd.sock'),
      'storage-driver': 'vfs',
      'live-restore': true,
      'oom-score-adjust': 0,
      // Else it writes one to /etc/docker.
      'deprecated-key-path': join(directory, 'key.json'),
    };
    writeFileSync(join(directory, 'daemon.json'), JSON.stringify(configuration));
    writeFileSync(
      join(directory, 'containerd.toml'),
      `version = 2
root = "${directory}/containerd"
state = "${directory}/tasks"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${directory}/containerd.sock"
`,
    );
  }

  async start(): Promise<void> {
    this.#mounts ??= await Mounts.create(this.#netns, ['/run', '/opt']);
    if (!this.#containerd) await this.#startContainerd(this.#mounts);
    this.#child = this.#spawn(this.#mounts, 'dockerd', '--config-file', join(this.#directory, 'daemon.json'));
    const child = this.#child;
    await this.#wait(child, () => succeeds('/usr/bin/docker', '--host', `unix://${this.socket}`, 'info'));
  }

  async #startContainerd(mounts: Mounts): Promise<void> {
    this.#containerd = this.#spawn(mounts, 'containerd', '--config', join(this.#directory, 'containerd.toml'));
    const socket = join(this.#directory, 'containerd.sock');
    await this.#wait(this.#containerd, () => succeeds('ctr', '--address', socket, 'version'));
  }

  #spawn(mounts: Mounts, ...command: string[]): ChildProcess {
    const log = openSync(this.#log, 'a');
    const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
    const [file, ...args] = [...TIED, ...command];
    const child = mounts.spawn(file, args, { stdio: ['ignore', log, log], env });
    closeSync(log);
    return child;
  }

  async #wait(child: ChildProcess, isUp: () => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!isUp()) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`it did not start:\n${this.log}`);
      await sleep(100);
    }
  }

  /** Shows its socket at this path, too, to those who see what it sees mounted: its containers. */
  async showAt(path: string): Promise<void> {
    if (!this.#mounts) throw new Error('it was not started');
    await this.#mounts.showAt(this.socket, path);
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8').slice(-4000);
  }

  /** The image, without a registry. */
  async importImage(): Promise<void> {
    await this.docker('import', writeBusyboxRoot(this.#directory), IMAGE);
  }

  /** Runs the command-line client; its output without the line feed. */
  async docker(...args: string[]): Promise<string> {
    const child = spawn('/usr/bin/docker', ['--host', `unix://${this.socket}`, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return (await output(child, `docker ${args[0]}`)).trim();
  }

  /** A container that runs a line of shell; its id. */
  run(name: string, line: string, ...options: string[]): Promise<string> {
    return this.docker('run', '--detach', '--name', name, ...options, IMAGE, '/bin/sh', '-c', line);
  }

  /** Its address in a network. */
  address(name: string, network: string): Promise<string> {
    return this.docker('inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
  }

  /** The containers live on. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    if (this.#child) await finished(this.#child);
  }

  /** Removes all containers, ends, and removes the cgroups that it leaves. */
  async stop(): Promise<void> {
    await tearDown(
      () => this.#removeContainers(),
      () => end(this.#child),
      () => end(this.#containerd),
      () => this.#mounts?.close(),
      this.#removeCgroups,
    );
  }

  /** A daemon that was killed has left them running. */
  async #removeContainers(): Promise<void> {
    if (!this.#child) return;
    if (hasEnded(this.#child)) await this.start();
    const containers = (await this.docker('ps', '--all', '--quiet')).split('\n').filter(Boolean);
    if (containers.length > 0) await this.docker('rm', '--force', ...containers);
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

async function end(child: ChildProcess | undefined): Promise<void> {
  child?.kill('SIGTERM');
  if (child) await finished(child);
}

function succeeds(file: string, ...args: string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
