/** Workloads of a real node: each one's names at its end of a connection, and the other one's. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findLeftovers, readHostState } from '../../scripts/lib/leftovers.ts';
import { type Agent, attribute, ends, type JsonRecord, startAgent, withAgent } from '../support/agent.ts';
import { IMAGE } from '../support/containerd.ts';
import { createAccount } from '../support/kubernetes-example.ts';
import { NODE, NODE_ADDRESS, type Node, startNode } from '../support/kubernetes-node.ts';
import { CALL, openShop, PORT, pod, type Shop, workload } from '../support/kubernetes-workloads.ts';
import { tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

/** Nobody listens there. */
const CLOSED = 9;

let directory: string;
let before: ReturnType<typeof hostState>;
let node: Node;
let agent: Agent;
let shop: Shop;
/** Of the pod that all others call. */
let web: { readonly name: string; readonly address: string };
/** Of the service in front of it. */
let service: string;

test.before(async () => {
  directory = sharedDirectory();
  before = hostState();
  node = await startNode(directory);
  const token = join(directory, 'token');
  writeFileSync(token, await createAccount(node.api, 'sockflow', true));
  const kubernetes = ['--kubeconfig', node.api.kubeconfig(token), '--node-name', NODE, '--kubernetes-peers'];
  agent = await startAgent([...options(), ...kubernetes], { namespace: node.netns });
  shop = await openShop(node.api);
  const { create } = shop;
  const made = await create('v1', 'services', 'web', { ports: [{ port: PORT }] });
  service = (made.spec as { clusterIP: string }).clusterIP;
  web = await shop.createWeb();
  const call = `while true; do ${CALL(web.address)}; sleep 0.3; done`;
  await create('apps/v1', 'statefulsets', 'ledger', { serviceName: 'ledger', ...workload('ledger', call) });
  await create('apps/v1', 'daemonsets', 'logger', workload('logger', call));
  const report = pod('report', `until ${CALL(web.address)}; do sleep 0.1; done`, { restartPolicy: 'Never' });
  await create('batch/v1', 'jobs', 'report', { template: report });
  await create('v1', 'pods', 'edge', pod('edge', call, { hostNetwork: true }).spec);
  node.addStaticPod('probe', {
    apiVersion: 'v1',
    kind: 'Pod',
    ...pod('probe', call),
    metadata: { name: 'probe', namespace: 'kube-system' },
  });
});

test.after.always(() =>
  tearDown(
    () => agent?.stop('SIGKILL'),
    () => node?.stop(),
    () => removeDirectory(directory),
  ),
);

function options(): string[] {
  const waits = ['--container-wait', '30s', '--runtime-endpoint', node.containerd.socket];
  return ['--format', 'json', '--events', 'close,failed', ...waits];
}

interface Caller {
  readonly title: string;
  readonly pod: RegExp;
  readonly namespace?: string;
  /** Besides pod, namespace and container. */
  readonly names: Readonly<Record<string, string>>;
}

const callers: Readonly<Record<string, Caller>> = {
  ledger: {
    title: 'a StatefulSet',
    pod: /^ledger-0$/,
    names: { 'k8s.statefulset.name': 'ledger', 'service.name': 'ledger' },
  },
  logger: {
    title: 'a DaemonSet',
    pod: /^logger-\w{5}$/,
    names: { 'k8s.daemonset.name': 'logger', 'service.name': 'logger' },
  },
  report: {
    title: 'a Job, which makes one connection',
    pod: /^report-\w{5}$/,
    names: { 'k8s.job.name': 'report', 'service.name': 'report' },
  },
  edge: { title: 'a pod on the network of the node', pod: /^edge$/, names: { 'service.name': 'edge' } },
  probe: {
    title: 'a static pod',
    pod: new RegExp(`^probe-${NODE}$`),
    namespace: 'kube-system',
    names: { 'service.name': `probe-${NODE}` },
  },
};

const workloadNames = (resource: JsonRecord['resource']) =>
  Object.keys(resource).filter((name) => /^k8s\.\w+\.name$/.test(name) && !/pod|namespace|container|node/.test(name));

/** Both ends of a connection of this container to the pod that all call. */
function conversation(from: Agent, container: string) {
  const all = ends(from.records()).filter((record) => !attribute(record, 'error.type'));
  for (const client of all) {
    const isCaller = attribute(client, 'sockflow.connection.role') === 'client';
    if (!isCaller || client.resource['k8s.container.name'] !== container) continue;
    const id = attribute(client, 'sockflow.connection.id');
    const server = all.find((other) => other !== client && attribute(other, 'sockflow.connection.id') === id);
    if (server) return { client, server };
  }
  return undefined;
}

async function awaitConversation(from: Agent, container: string) {
  await from.waitFor(`connection of ${container}`, () => conversation(from, container) !== undefined);
  return conversation(from, container) as NonNullable<ReturnType<typeof conversation>>;
}

const server = () => ({
  'k8s.pod.name': web.name,
  'k8s.namespace.name': 'shop',
  'k8s.container.name': 'web-main',
  'k8s.node.name': NODE,
  'k8s.deployment.name': 'web',
  'k8s.replicaset.name': web.name.replace(/-\w+$/, ''),
  'service.name': 'web',
  'container.name': 'web-main',
  'container.image.name': IMAGE.name,
});

for (const [app, { title, pod: podName, namespace = 'shop', names }] of Object.entries(callers))
  test.serial(`${title} and a Deployment: each has its own names at its end, and those of the other`, async (t) => {
    const ofBoth = await awaitConversation(agent, `${app}-main`);
    t.like(ofBoth.client.resource, {
      'k8s.namespace.name': namespace,
      'k8s.node.name': NODE,
      'container.name': `${app}-main`,
      'container.image.name': IMAGE.name,
      ...names,
    });
    const name = String(ofBoth.client.resource['k8s.pod.name']);
    t.regex(name, podName);
    const { metadata } = await node.api.call('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
    t.is(ofBoth.client.resource['k8s.pod.uid'], (metadata as { uid: string }).uid);
    t.deepEqual(workloadNames(ofBoth.client.resource), workloadNames(names), 'no other kind of workload');
    t.like(ofBoth.server.resource, server());
    t.like(ofBoth.client.attributes, {
      'sockflow.peer.k8s.pod.name': web.name,
      'sockflow.peer.k8s.namespace.name': 'shop',
      'sockflow.peer.k8s.deployment.name': 'web',
    });
    t.like(ofBoth.server.attributes, {
      'sockflow.peer.k8s.pod.name': name,
      'sockflow.peer.k8s.namespace.name': namespace,
    });
  });

test.serial('who did not answer is named by its address: a pod, a service; of a node no pod is guessed', async (t) => {
  const calls = [CALL(web.address, CLOSED), CALL(NODE_ADDRESS, CLOSED), CALL(service)];
  await shop.create('v1', 'pods', 'stray', pod('stray', `while true; do ${calls.join('; ')}; sleep 0.3; done`).spec);
  const failed = (peer: string) =>
    ends(agent.records()).find(
      (record) =>
        record.resource['k8s.pod.name'] === 'stray' &&
        attribute(record, 'network.peer.address') === peer &&
        attribute(record, 'error.type') !== undefined,
    );
  const peerOf = async (peer: string) => {
    await agent.waitFor(`failure at ${peer}`, () => failed(peer) !== undefined);
    const entries = Object.entries(failed(peer)?.attributes ?? {}).filter(([name]) =>
      /^sockflow\.peer\.k8s/.test(name),
    );
    return Object.fromEntries(entries);
  };
  t.like(await peerOf(web.address), {
    'sockflow.peer.k8s.pod.name': web.name,
    'sockflow.peer.k8s.namespace.name': 'shop',
  });
  t.deepEqual(await peerOf(NODE_ADDRESS), { 'sockflow.peer.k8s.node.name': NODE });
  t.deepEqual(await peerOf(service), {
    'sockflow.peer.k8s.service.name': 'web',
    'sockflow.peer.k8s.namespace.name': 'shop',
  });
});

const pick = (resource: JsonRecord['resource'], names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, resource[name]]));

test.serial('the kubelet says the same to an agent that may not ask the API server', async (t) => {
  const kubelet = ['--kubernetes', 'kubelet', '--node-name', NODE];
  await withAgent(
    [...options(), ...kubelet],
    async (other) => {
      for (const app of ['ledger', 'logger', 'edge', 'probe']) {
        const ofBoth = await awaitConversation(other, `${app}-main`);
        const { resource } = conversation(agent, `${app}-main`)?.client ?? {};
        const named = Object.keys(resource ?? {}).filter((name) => /^(k8s|service|container)\./.test(name));
        // The kubelet does not know the API server's uid of a static pod.
        const names = named.filter((name) => app !== 'probe' || name !== 'k8s.pod.uid');
        t.deepEqual(pick(ofBoth.client.resource, names), pick(resource ?? {}, names));
        t.like(ofBoth.server.resource, server());
      }
      const { metadata } = await node.api.call('GET', `/api/v1/namespaces/kube-system/pods/probe-${NODE}`);
      const { annotations } = metadata as { annotations: Record<string, string> };
      const { client } = await awaitConversation(other, 'probe-main');
      t.is(client.resource['k8s.pod.uid'], annotations['kubernetes.io/config.hash']);
    },
    { namespace: node.netns },
  );
});

test.serial('no record went without its names, and nothing is left of the node on this host', async (t) => {
  const { summary, code } = await agent.stop();
  t.is(code, 0);
  t.notRegex(summary, /without their container's name|kubernetes_/);
  await node.stop();
  const after = hostState();
  t.deepEqual(after.sysctls, before.sysctls);
  t.deepEqual(after.places, before.places);
  t.deepEqual(await findLeftovers(before.state, before.run), []);
});

/** What a kubelet or containerd leaves, or changes, where nothing keeps it from that. */
function hostState() {
  const empty = join(directory, 'empty');
  mkdirSync(empty, { recursive: true });
  const run = { mark: process.env.SOCKFLOW_TEST_RUN ?? 'none', temporaryDirectory: empty };
  const places = PLACES.filter((place) => existsSync(place));
  const sysctls = SYSCTLS.map((name) => `${name} ${readFileSync(`/proc/sys/${name}`, 'utf8')}`);
  return { run, places, sysctls, state: readHostState(run) };
}

const PLACES = [
  '/var/lib/kubelet',
  '/var/lib/cni',
  '/var/log/pods',
  '/var/log/containers',
  '/run/containerd',
  '/run/flannel',
  '/opt/cni',
  '/opt/containerd',
  '/etc/cni/net.d',
  '/usr/libexec/kubernetes',
];
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'net/ipv4/ip_forward',
];
