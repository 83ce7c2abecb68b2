/** The examples for Kubernetes on a real node: the agent in pods, with the rights and capabilities that stand there. */
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { SOCKFLOW } from '../support/agent.ts';
import { type Collector, type LogRecord, otelcol, readLogs, startCollector } from '../support/collector.ts';
import { REFERENCE } from '../support/containerd.ts';
import { RBAC, readExample } from '../support/kubernetes-example.ts';
import { NODE, NODE_ADDRESS, type Node, startNode } from '../support/kubernetes-node.ts';
import { CALL, openShop, PORT, type Shop, workload } from '../support/kubernetes-workloads.ts';
import { eventually, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const CHECKOUT = resolve(SOCKFLOW, '../..');
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

let directory: string;
let node: Node;
let collector: Collector;
let shop: Shop;
let web: { readonly name: string; readonly address: string };

test.before(async () => {
  directory = sharedDirectory();
  mkdirSync(out());
  node = await startNode(directory);
  collector = await startCollector({ directory, config: COLLECTOR, netns: node.netns.path });
  shop = await openShop(node.api);
  web = await shop.createWeb();
});

test.after.always(() =>
  tearDown(
    () => collector?.stop(),
    () => node?.stop(),
    () => removeDirectory(directory),
  ),
);

/** Where the example sends to: port 4317 of the node. */
const COLLECTOR = `
receivers: { otlp: { protocols: { grpc: { endpoint: '${NODE_ADDRESS}:4317' } } } }
exporters: { file: { path: '\${env:COLLECTOR_LOGS_FILE}', flush_interval: 100ms } }
extensions: { health_check: { endpoint: '\${env:COLLECTOR_HEALTH_ENDPOINT}' } }
service:
  extensions: [health_check]
  pipelines: { logs: { receivers: [otlp], exporters: [file] } }
  telemetry: { metrics: { level: none } }
`;

interface Workload {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes?: readonly object[];
}

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly object[];
  readonly volumeMounts?: readonly object[];
}

/** What a container of an example gets: instead of its image the one of these tests, with programs of this machine. */
interface Filling {
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Directories and files of this machine by where they are seen. */
  readonly paths?: Readonly<Record<string, string>>;
  /** Volumes by where they are seen. */
  readonly volumes?: Readonly<Record<string, object>>;
}

function fill(workload: Workload, fillings: Readonly<Record<string, Filling>>): Workload {
  const { template } = workload.spec;
  const added: object[] = [];
  const containers = template.spec.containers.map((container) => {
    const { command, args = [], env = {}, paths = {}, volumes = {} } = fillings[container.name] as Filling;
    const ofHost = Object.entries(paths).map(([at, path]) => [at, { hostPath: { path } }] as const);
    const mounts = [...ofHost, ...Object.entries(volumes)].map(([mountPath, volume]) => {
      const name = `added-${added.length}`;
      added.push({ name, ...volume });
      return { name, mountPath };
    });
    return {
      ...container,
      image: REFERENCE,
      imagePullPolicy: 'Never',
      command,
      args: [...(container.args ?? []), ...args],
      env: [...(container.env ?? []), ...Object.entries(env).map(([name, value]) => ({ name, value }))],
      volumeMounts: [...(container.volumeMounts ?? []), ...mounts],
    };
  });
  const volumes = [...(template.spec.volumes ?? []), ...added];
  const spec = { ...template.spec, terminationGracePeriodSeconds: 5, containers, volumes };
  return { ...workload, spec: { ...workload.spec, template: { ...template, spec } } };
}

/** The agent: what it says is in the file `name` of /out. */
function sockflow(name: string, more: Partial<Filling> = {}): Filling {
  return {
    command: ['/bin/sh', '-c', `exec ${SOCKFLOW} "$@" 2>/out/${name}`, 'sockflow'],
    ...more,
    env: { NODE_COMPILE_CACHE: '/out/cache', ...more.env },
    paths: { '/usr': '/usr', '/lib': '/usr/lib', '/lib64': '/usr/lib64', [CHECKOUT]: CHECKOUT, '/out': out() },
  };
}

const out = () => join(directory, 'out');

/** What the agent in a pod has said, once it is ready. */
async function saidBy(name: string): Promise<{ readonly ready: string; readonly all: () => string }> {
  const file = join(out(), name);
  const all = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const text = await eventually(`ready line of ${name}`, all, (said) => said.includes('sockflow: ready'));
  return { ready: text.split('\n').find((line) => line.startsWith('sockflow: ready')) ?? '', all };
}

/** With what an admission controller would bring along: the token of the service account. */
function daemonSet(): Workload {
  const { hostname, port } = new URL(node.api.url);
  const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const ca = { configMap: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } };
  const account = { projected: { sources: [{ serviceAccountToken: { path: 'token' } }, ca] } };
  const example = readExample().find(({ kind }) => kind === 'DaemonSet') as Workload;
  return fill(example, { sockflow: sockflow('daemon-set', { env, volumes: { [ACCOUNT]: account } }) });
}

async function apply(): Promise<void> {
  const { call } = node.api;
  const of = (kind: string) => readExample().find((object) => object.kind === kind);
  await call('POST', '/api/v1/namespaces', of('Namespace'));
  await call('POST', '/api/v1/namespaces/sockflow/serviceaccounts', of('ServiceAccount'));
  await call('POST', `${RBAC}/clusterroles`, of('ClusterRole'));
  await call('POST', `${RBAC}/clusterrolebindings`, of('ClusterRoleBinding'));
  const data = { 'ca.crt': readFileSync(node.api.ca, 'utf8') };
  await call('POST', '/api/v1/namespaces/sockflow/configmaps', { metadata: { name: 'ca' }, data });
  await call('POST', '/apis/apps/v1/namespaces/sockflow/daemonsets', daemonSet());
}

test.serial('on every node: pods and workloads by the API server, and nothing off', async (t) => {
  await apply();
  const { ready, all } = await saidBy('daemon-set');
  t.notRegex(ready, /; off: /);
  const runtime = 'containerd at /host/run/containerd/containerd.sock';
  t.regex(ready, new RegExp(`; containers: ${runtime}; pods: of ${NODE} from https:`));

  const call = `while true; do ${CALL(web.address)}; sleep 0.3; done`;
  await shop.create('apps/v1', 'statefulsets', 'ledger', { serviceName: 'ledger', ...workload('ledger', call) });
  const logs = () => (existsSync(collector.logsFile) ? readLogs(collector.logsFile) : []);
  const of = (role: string, workloadKind: string) =>
    logs().find(
      ({ resource, attributes }: LogRecord) =>
        attributes['server.port'] === PORT &&
        attributes['sockflow.connection.role'] === role &&
        resource[`k8s.${workloadKind}.name`] !== undefined,
    );
  const both = () => [of('client', 'statefulset'), of('server', 'deployment')];
  const [client, server] = await eventually('both ends with their workloads', both, (found) => found.every(Boolean));
  const common = { 'k8s.namespace.name': 'shop', 'k8s.node.name': NODE, 'container.runtime.name': 'containerd' };
  t.like(client?.resource, {
    ...common,
    'k8s.pod.name': 'ledger-0',
    'service.name': 'ledger',
    'container.name': 'ledger-main',
  });
  t.like(server?.resource, {
    ...common,
    'k8s.pod.name': web.name,
    'service.name': 'web',
    'k8s.deployment.name': 'web',
  });
  t.is(client?.resource['process.user.name'], 'root');
  t.notRegex(all(), /forbidden|unauthorized|kubernetes_/);
});

test.serial(
  'beside a Collector in the pod of a program: its connections alone, with the names of the pod',
  async (t) => {
    const [config, deployment] = readExample('kubernetes-sidecar.yaml') as readonly [{ data: object }, Workload];
    // Instead of to a Collector elsewhere.
    const intoFile = ['exporters::file::path: /out/sidecar.json', 'service::pipelines::logs::exporters: [file]'];
    const program = `while true; do ${CALL(web.address)}; sleep 0.3; done`;
    const filled = fill(deployment, {
      shop: { command: ['/bin/sh', '-c', program] },
      collector: {
        command: ['/otelcol'],
        args: intoFile.flatMap((yaml) => ['--config', `yaml:${yaml}`]),
        paths: { '/otelcol': realpathSync(otelcol), '/out': out() },
      },
      sockflow: sockflow('sidecar'),
    });
    await shop.create('v1', 'configmaps', 'shop-collector', {}, { data: config.data });
    await shop.create('apps/v1', 'deployments', 'shop', filled.spec);
    const { ready } = await saidBy('sidecar');
    t.regex(ready, /interfaces in other network namespaces \(not in the host's pid namespace\)/);
    t.regex(ready, /; containers: ids only \(no runtime's socket is there yet\); no capabilities left$/);
    const file = join(out(), 'sidecar.json');
    const logs = () => (existsSync(file) ? readLogs(file) : []);
    const toWeb = () => logs().filter(({ attributes }) => attributes['server.port'] === PORT);
    const [log] = await eventually('records', toWeb, (found) => found.length > 0);
    const { 'k8s.pod.name': name, 'k8s.pod.uid': uid, ...others } = log?.resource ?? {};
    t.like(others, { 'k8s.namespace.name': 'shop', 'k8s.node.name': NODE, 'process.executable.name': 'busybox' });
    const { metadata } = await node.api.call('GET', `/api/v1/namespaces/shop/pods/${name}`);
    t.is(uid, (metadata as { uid: string }).uid);
    const roles = toWeb().map(({ attributes }) => attributes['sockflow.connection.role']);
    t.deepEqual([...new Set(roles)], ['client'], 'of the pod that answers nothing is seen');
  },
);
