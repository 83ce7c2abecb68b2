/**
 * A real node of Kubernetes in a network namespace of its own: API server, controllers, scheduler, kubelet and containerd
 * with pods that run. What they leave on a host goes into mounts of their own, and the host's sysctls stay as they are.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRoot } from './cgroup.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { type ApiServer, end, launch, startApiServer } from './kubernetes.ts';
import { Mounts } from './mounts.ts';
import { Namespace } from './netns.ts';
import { eventually, finished, tearDown } from './processes.ts';

export const NODE = 'node-7';
/** Of the node, in its namespace. */
export const NODE_ADDRESS = '192.0.2.10';

export interface Node {
  readonly netns: Namespace;
  readonly api: ApiServer;
  readonly containerd: Containerd;
  /** Gives the kubelet a pod that the API server has not heard of. */
  addStaticPod(name: string, pod: object): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** What the programs would write to. */
const DIRECTORIES = ['/run', '/var/lib', '/var/log', '/opt'];

/** What the kubelet wants to find, and would set. */
const SYSCTLS: Readonly<Record<string, string>> = {
  '/proc/sys/vm/overcommit_memory': '1',
  '/proc/sys/vm/panic_on_oom': '0',
  '/proc/sys/kernel/panic': '10',
  '/proc/sys/kernel/panic_on_oops': '1',
  '/proc/sys/kernel/keys/root_maxkeys': '1000000',
  '/proc/sys/kernel/keys/root_maxbytes': '25000000',
};

const CONTROLLERS = ['deployment', 'replicaset', 'statefulset', 'daemonset', 'job'].map((name) => `${name}-controller`);

/** `directory`: short, since names of sockets are; the caller removes it. */
export async function startNode(directory: string): Promise<Node> {
  const file = (name: string) => join(directory, name);
  const steps: (() => unknown)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= tearDown(...steps);
    return stopping;
  };
  /** Undone in the opposite order, whatever becomes of the rest. */
  const undo = (step: () => unknown) => steps.unshift(step);
  try {
    const netns = await Namespace.create();
    undo(() => netns.close());
    await netns.run('sh', ['-ec', NETWORK]);
    const mounts = await Mounts.create(netns, DIRECTORIES, SYSCTLS);
    undo(() => mounts.close());
    // As on hosts: volumes that follow what is mounted later are refused elsewhere.
    await finished(mounts.spawn('mount', ['--make-rshared', '/'], { stdio: 'ignore' }));
    const group = `sockflow-node-${process.pid}`;
    undo(makeRoot(group));
    const containerd = await startContainerd(directory, netns, mounts);
    undo(() => containerd.stop());
    await mounts.showAt(containerd.socket, '/run/containerd/containerd.sock');
    const api = await startApiServer(directory, netns);
    undo(() => api.stop());
    const run = (name: string, ...args: string[]) => {
      const child = launch(mounts.spawn.bind(mounts), 'kubernetes', file(`${name}.log`), [name, ...args]);
      undo(() => end(child));
      return child;
    };
    const kubeconfig = `--kubeconfig=${api.admin}`;
    const alone = ['--leader-elect=false', '--secure-port=0'];
    run(
      'kube-controller-manager',
      kubeconfig,
      ...alone,
      `--controllers=${CONTROLLERS.join(',')}`,
      `--service-account-private-key-file=${api.accountKey}`,
    );
    run('kube-scheduler', kubeconfig, ...alone);
    mkdirSync(file('manifests'));
    writeFileSync(file('kubelet.json'), JSON.stringify(kubeletConfiguration(file, containerd.socket, group)));
    const name = `--hostname-override=${NODE}`;
    const kubelet = run('kubelet', kubeconfig, name, `--node-ip=${NODE_ADDRESS}`, `--config=${file('kubelet.json')}`);
    await untilReady(api, kubelet, file('kubelet.log'));
    return {
      netns,
      api,
      containerd,
      addStaticPod: (pod, content) => writeFileSync(join(file('manifests'), `${pod}.json`), JSON.stringify(content)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An interface for the kubelet to find its address on. */
const NETWORK = `ip link add node0 type bridge
ip address add ${NODE_ADDRESS}/24 dev node0
ip link set node0 up`;

function kubeletConfiguration(file: (name: string) => string, socket: string, group: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${socket}`,
    address: '127.0.0.1',
    readOnlyPort: 10255,
    healthzPort: 0,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    staticPodPath: file('manifests'),
    volumePluginDir: file('volume-plugins'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${group}`,
    enforceNodeAllocatable: ['none'],
    failCgroupV1: false,
    failSwapOn: false,
    // Refuses to start where a sysctl has another value, instead of setting it.
    protectKernelDefaults: true,
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    // Sooner than a person needs.
    fileCheckFrequency: '1s',
    syncFrequency: '1s',
    nodeStatusUpdateFrequency: '1s',
  };
}

async function untilReady(api: ApiServer, kubelet: ChildProcess, log: string): Promise<void> {
  const isReady = async () => {
    const { status } = await api.call('GET', `/api/v1/nodes/${NODE}`).catch(() => ({ status: {} }));
    const { conditions = [] } = status as { conditions?: { type: string; status: string }[] };
    return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  };
  await eventually(
    'node that is ready',
    async () => {
      if (kubelet.exitCode !== null) throw new Error(`the kubelet ended:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      return isReady();
    },
    Boolean,
  );
}
