/** A real containerd of the test's own: root, state, socket, mounts and network namespace, an image made of busybox, and pods. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeBusyboxRoot } from './busybox-image.ts';
import { watchCgroups } from './cgroup.ts';
import { type CriClient, connectCri, EXITED } from './cri-client.ts';
import { Mounts } from './mounts.ts';
import type { Namespace } from './netns.ts';
import { eventually, finished, output, TIED, tearDown } from './processes.ts';

/** The image that every container here is made of. */
export const IMAGE = { name: 'sockflow.test/shop/busybox', tag: '1.0' };
export const REFERENCE = `${IMAGE.name}:${IMAGE.tag}`;

/** Where containerd, runc and the network plug-ins leave things. */
const LEFT = ['/run', '/var/lib'];

const PLAIN = ['--snapshotter', 'native', '--net-host', REFERENCE];

export interface Containerd {
  readonly socket: string;
  /** Runs a plain container on containerd's own network until its command ends, which must succeed; it is gone then. */
  run(name: string, ...command: string[]): Promise<void>;
  /** The same, and does not wait; the container stays. */
  begin(name: string, ...command: string[]): Promise<void>;
  /** Returns the id of the sandbox. */
  runPod(pod: PodIdentity): Promise<string>;
  /** Starts `command` in the pod; returns the id of the container. */
  runContainer(
    pod: PodIdentity,
    sandbox: string,
    name: string,
    command: readonly string[],
    labels?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Resolves when it has ended by itself, and nothing of it is left. */
  removeEnded(container: string): Promise<void>;
  kill(): Promise<void>;
  /** Starts it again after `kill`. */
  restart(): Promise<void>;
  log(): string;
  stop(): Promise<void>;
}

/** What the kubelet writes on each container. */
export function kubeletLabels(pod: PodIdentity, container: string): Record<string, string> {
  const entries = {
    'container.name': container,
    'pod.name': pod.name,
    'pod.namespace': pod.namespace,
    'pod.uid': pod.uid,
  };
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [`io.kubernetes.${key}`, value]));
}

export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/**
 * `directory`: short, since names of sockets are; the caller removes it. `place`: mounts that it shares with others, who
 * close them; else it has its own.
 */
export async function startContainerd(directory: string, netns: Namespace, place?: Mounts): Promise<Containerd> {
  const socket = join(directory, 'c.sock');
  const config = join(directory, 'config.toml');
  const logFile = join(directory, 'containerd.log');
  writeFileSync(config, configuration(directory, socket));
  writeNetwork(join(directory, 'net.d'));
  const mounts = place ?? (await Mounts.create(netns, LEFT));
  let child = await launch(mounts, config, logFile, socket);
  const begun = new Set<string>();
  const cgroups = [watchCgroups('default')];
  const ctr = (...args: string[]) =>
    output(
      mounts.spawn('ctr', ['--address', socket, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
      `ctr ${args[0]}`,
    );
  const image = join(directory, 'images.tar');
  writeImage(directory, image);
  for (const namespace of ['default', 'k8s.io'])
    await ctr('-n', namespace, 'images', 'import', '--snapshotter', 'native', image);
  let client = connectCri(socket);
  const call: CriClient['call'] = (name, message) => client.call(name, message);

  const podConfig = ({ name, namespace, uid }: PodIdentity) => ({
    metadata: { name, namespace, uid, attempt: 0 },
    hostname: name,
    logDirectory: directory,
    // The host's may be a link into /run.
    dnsConfig: { servers: ['127.0.0.1'] },
    labels: { app: 'shop' },
    linux: { cgroupParent: `/kubepods/besteffort/pod${uid}` },
  });
  return {
    socket,
    async run(name, ...command) {
      await ctr('run', '--rm', ...PLAIN, name, ...command);
    },
    async begin(name, ...command) {
      begun.add(name);
      await ctr('run', '--detach', ...PLAIN, name, ...command);
    },
    async runPod(pod) {
      const parents = ['kubepods', 'kubepods/besteffort', `kubepods/besteffort/pod${pod.uid}`];
      cgroups.unshift(watchCgroups(...parents, `${parents[2]}/*`));
      const { podSandboxId } = await call('RunPodSandbox', { config: podConfig(pod) });
      return String(podSandboxId);
    },
    async runContainer(pod, sandbox, name, command, labels = {}) {
      const { containerId } = await call('CreateContainer', {
        podSandboxId: sandbox,
        config: {
          metadata: { name, attempt: 0 },
          image: { image: REFERENCE },
          command,
          labels: { tier: name, ...labels },
          logPath: `${name}.log`,
        },
        sandboxConfig: podConfig(pod),
      });
      await call('StartContainer', { containerId });
      return String(containerId);
    },
    async removeEnded(containerId) {
      const state = async () => (await call('ContainerStatus', { containerId })).status as { state: number };
      await eventually(`end of ${containerId}`, state, (status) => status.state === EXITED);
      await call('RemoveContainer', { containerId });
    },
    async kill() {
      child.kill('SIGKILL');
      await finished(child);
    },
    async restart() {
      child = await launch(mounts, config, logFile, socket);
      client.close();
      client = connectCri(socket);
    },
    log: () => readFileSync(logFile, 'utf8'),
    async stop() {
      const { items = [] } = (await call('ListPodSandbox', {})) as { items?: { id: string }[] };
      await tearDown(
        ...items.map(
          ({ id }) =>
            () =>
              call('StopPodSandbox', { podSandboxId: id }),
        ),
        ...items.map(
          ({ id }) =>
            () =>
              call('RemovePodSandbox', { podSandboxId: id }),
        ),
        ...[...begun].map((name) => () => ctr('tasks', 'rm', '--force', name)),
        () => client.close(),
        () => child.kill('SIGTERM'),
        () => finished(child),
        () => place ?? mounts.close(),
        ...cgroups,
      );
    },
  };
}

async function launch(mounts: Mounts, config: string, logFile: string, socket: string): Promise<ChildProcess> {
  const log = openSync(logFile, 'a');
  const [file, ...args] = [...TIED, 'containerd', '--config', config];
  const child = mounts.spawn(file, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      execFileSync('ctr', ['--address', socket, 'version'], { stdio: 'ignore', timeout: 5_000 });
      return child;
    } catch {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`containerd did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
      await sleep(100);
    }
  }
}

function configuration(directory: string, socket: string): string {
  return `
version = 2
root = "${directory}/root"
state = "${directory}/state"
oom_score = 0
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${REFERENCE}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`;
}

/** A bridge in the namespace of containerd, and loopback in each pod. */
function writeNetwork(directory: string): void {
  mkdirSync(directory);
  const bridge = {
    type: 'bridge',
    bridge: 'sfbr0',
    isGateway: true,
    ipMasq: false,
    ipam: {
      type: 'host-local',
      routes: [{ dst: '0.0.0.0/0' }],
      ranges: [[{ subnet: '10.88.77.0/24' }]],
      dataDir: join(directory, 'leases'),
    },
  };
  const all = { cniVersion: '0.4.0', name: 'sockflow', plugins: [bridge, { type: 'loopback' }] };
  writeFileSync(join(directory, '10-sockflow.conflist'), JSON.stringify(all));
}

/** An archive as `docker save` makes it. */
function writeImage(directory: string, file: string): void {
  const build = join(directory, 'image');
  mkdirSync(build);
  const layer = basename(writeBusyboxRoot(build));
  const diff = createHash('sha256')
    .update(readFileSync(join(build, layer)))
    .digest('hex');
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/bin/sleep', '1000000'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] },
  };
  writeFileSync(join(build, 'config.json'), JSON.stringify(config));
  writeFileSync(
    join(build, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [REFERENCE], Layers: [layer] }]),
  );
  execFileSync('tar', ['-C', build, '-cf', file, 'manifest.json', 'config.json', layer]);
}
