/** examples/kubernetes.yaml on a real node: the agent in a pod of its own, with its service account and capabilities alone. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { SOCKFLOW } from '../support/agent.ts';
import { type Collector, type LogRecord, readLogs, startCollector } from '../support/collector.ts';
import { REFERENCE } from '../support/containerd.ts';
import { RBAC, readExample } from '../support/kubernetes-example.ts';
import { NODE, NODE_ADDRESS, type Node, startNode } from '../support/kubernetes-node.ts';
import { CALL, openShop, PORT, workload } from '../support/kubernetes-workloads.ts';
import { eventually, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const CHECKOUT = resolve(SOCKFLOW, '../..');
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

let directory: string;
let node: Node;
let collector: Collector;

test.before(async () => {
  directory = sharedDirectory();
  mkdirSync(join(directory, 'out'));
  node = await startNode(directory);
  collector = await startCollector({ directory, config: COLLECTOR, netns: node.netns.path });
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

interface DaemonSet {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly volumes: readonly object[];
}

interface Container {
  readonly env: readonly object[];
  readonly volumeMounts: readonly object[];
}

/**
 * The example with what an image and an admission controller would bring along: programs, here those of this machine, and the
 * token of the service account.
 */
function daemonSet(): DaemonSet {
  const example = readExample().find(({ kind }) => kind === 'DaemonSet') as DaemonSet;
  const { template } = example.spec;
  const [container, ...others] = template.spec.containers;
  const out = join(directory, 'out');
  const paths = { usr: ['/usr', '/usr'], lib: ['/usr/lib', '/lib'], lib64: ['/usr/lib64', '/lib64'] };
  const mounts = Object.entries({ ...paths, checkout: [CHECKOUT, CHECKOUT], out: [out, '/out'] });
  const { hostname, port } = new URL(node.api.url);
  const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, NODE_COMPILE_CACHE: '/out/cache' };
  const filled = {
    ...container,
    image: REFERENCE,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', `exec ${SOCKFLOW} "$@" 2>/out/said`, 'sockflow'],
    env: [...(container?.env ?? []), ...Object.entries(env).map(([name, value]) => ({ name, value }))],
    volumeMounts: [
      ...(container?.volumeMounts ?? []),
      ...mounts.map(([name, [, mountPath]]) => ({ name, mountPath, readOnly: name !== 'out' })),
      { name: 'account', mountPath: ACCOUNT, readOnly: true },
    ],
  };
  const ca = { configMap: { name: 'ca', items: [{ key: 'ca.crt', path: 'ca.crt' }] } };
  const account = { projected: { sources: [{ serviceAccountToken: { path: 'token' } }, ca] } };
  const volumes = [
    ...template.spec.volumes,
    ...mounts.map(([name, [path]]) => ({ name, hostPath: { path } })),
    { name: 'account', ...account },
  ];
  const spec = { ...template.spec, terminationGracePeriodSeconds: 5, containers: [filled, ...others], volumes };
  return { ...example, spec: { ...example.spec, template: { ...template, spec } } };
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

test.serial('the example as it is: pods and workloads by the API server, and nothing off', async (t) => {
  await apply();
  const file = join(directory, 'out/said');
  const said = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const ready = (await eventually('ready line', said, (text) => text.includes('sockflow: ready'))).split('\n');
  const line = ready.find((one) => one.startsWith('sockflow: ready')) ?? '';
  t.notRegex(line, /; off: /);
  t.regex(
    line,
    new RegExp(`; containers: containerd at /host/run/containerd/containerd.sock; pods: of ${NODE} from https:`),
  );

  const shop = await openShop(node.api);
  const web = await shop.createWeb();
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
  t.notRegex(said(), /forbidden|unauthorized|kubernetes_/);
});
