import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createApi } from '../../src/enrich/kubernetes/http.ts';
import { createKubernetes, type Kubernetes, type KubernetesOptions } from '../../src/enrich/kubernetes/index.ts';
import { Ledger } from '../../src/ledger.ts';
import { createLog } from '../../src/log.ts';
import { type ApiServer, startApiServer } from '../support/kubernetes.ts';
import { allowAccount, createAccount, RBAC, readExample } from '../support/kubernetes-example.ts';
import { eventually, PATIENCE, settled, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

let directory: string;
let server: ApiServer;

test.before(async () => {
  directory = sharedDirectory();
  server = await startApiServer(directory);
  await server.call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
});

test.after.always(() =>
  tearDown(
    () => server?.stop(),
    () => removeDirectory(directory),
  ),
);

let tokens = 0;

async function start(t: ExecutionContext, given: Partial<KubernetesOptions> & { token: string }) {
  const tokenFile = join(directory, `token-${tokens++}`);
  writeFileSync(tokenFile, given.token);
  const ledger = new Ledger();
  const kubernetes = createKubernetes({
    source: 'api',
    kubeconfig: server.kubeconfig(tokenFile),
    kubeletEndpoint: 'http://127.0.0.1:1',
    kubeletCertificate: undefined,
    nodeName: 'node-7',
    labels: ['team'],
    annotations: [],
    peers: false,
    ledger,
    log: createLog('error', () => undefined),
    ...given,
  });
  if (!kubernetes) throw new Error('nobody is asked');
  t.teardown(() => kubernetes.close());
  return { kubernetes, ledger, tokenFile };
}

/** What is known of a pod when it, and all that `enough` wants of it, is known. */
async function known(
  kubernetes: Kubernetes,
  uid: string,
  enough: (names: NonNullable<ReturnType<Kubernetes['find']>>) => boolean,
) {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const names = kubernetes.find(uid, undefined);
    if (names && enough(names)) return names;
    await kubernetes.ask(1_000);
  }
  throw new Error(`${uid} did not become known`);
}

async function refusal({ faults }: Ledger, name: string): Promise<void> {
  await eventually(
    name,
    () => faults,
    (counted) => (counted.get(name) ?? 0) > 0,
  );
}

interface Meta {
  readonly uid: string;
  readonly name: string;
}

const metaOf = ({ metadata }: Record<string, unknown>) => metadata as Meta;
const owner = (kind: string, { uid, name }: Meta, apiVersion = 'apps/v1') => [
  { apiVersion, kind, name, uid, controller: true },
];

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } };

function createPod(name: string, metadata: object = {}, spec: object = {}): Promise<Record<string, unknown>> {
  return server.call('POST', '/api/v1/namespaces/shop/pods', {
    metadata: { name, labels: { app: 'web', team: 'blue' }, ...metadata },
    spec: { nodeName: 'node-7', ...template.spec, ...spec },
  });
}

function setStatus(name: string, status: object): Promise<unknown> {
  return server.call('PATCH', `/api/v1/namespaces/shop/pods/${name}/status`, { status });
}

const account = (name: string, isAllowed: boolean) => createAccount(server, name, isAllowed);
const allow = (name: string) => allowAccount(server, name);

test.serial(
  'with the rights of the example: a pod of the node, its Deployment, its container when the status tells',
  async (t) => {
    const apps = '/apis/apps/v1/namespaces/shop';
    const spec = { selector: { matchLabels: { app: 'web' } }, template };
    const deployment = metaOf(
      await server.call('POST', `${apps}/deployments`, { metadata: { name: 'checkout' }, spec }),
    );
    const set = metaOf(
      await server.call('POST', `${apps}/replicasets`, {
        metadata: { name: 'oddly-named', ownerReferences: owner('Deployment', deployment) },
        spec,
      }),
    );
    const { kubernetes, ledger } = await start(t, { token: await account('reader', true) });
    const pod = metaOf(await createPod('oddly-named-x', { ownerReferences: owner('ReplicaSet', set) }));
    await createPod('elsewhere', {}, { nodeName: 'node-8' });
    const names = await known(kubernetes, pod.uid, ({ isPending }) => !isPending);
    t.deepEqual(names.workload, { replicaset: 'oddly-named', deployment: 'checkout' });
    t.is(names.serviceName, 'checkout');
    t.is(names.pod.labels.get('team'), 'blue');
    const id = 'c'.repeat(64);
    await setStatus('oddly-named-x', {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'web',
          image: 'nginx:1',
          imageID: 'x',
          ready: true,
          restartCount: 0,
          containerID: `containerd://${id}`,
        },
      ],
    });
    await known(kubernetes, pod.uid, () => kubernetes.find(undefined, id) !== undefined);
    t.is(kubernetes.find(undefined, id)?.container?.name, 'web');
    t.deepEqual([...ledger.faults], []);
  },
);

test.serial(
  'without rights it is refused and counted; once they are given, names come without a restart',
  async (t) => {
    const { kubernetes, ledger } = await start(t, { token: await account('nobody', false) });
    const pod = metaOf(await createPod('late-rights'));
    await refusal(ledger, 'enrich/kubernetes_forbidden');
    t.is(kubernetes.find(pod.uid, undefined), undefined);
    await allow('nobody');
    t.is((await known(kubernetes, pod.uid, () => true)).pod.name, 'late-rights');
  },
);

test.serial('a token that is not accepted any more is counted, and the one that replaces it is used', async (t) => {
  const token = await account('rotated', true);
  await server.call('DELETE', '/api/v1/namespaces/sockflow/serviceaccounts/rotated');
  const pod = metaOf(await createPod('rotated'));
  const { kubernetes, ledger, tokenFile } = await start(t, { token });
  await refusal(ledger, 'enrich/kubernetes_unauthorized');
  t.is(kubernetes.find(pod.uid, undefined), undefined);
  await server.call('POST', '/api/v1/namespaces/sockflow/serviceaccounts', { metadata: { name: 'rotated' } });
  writeFileSync(tokenFile, await server.token('sockflow', 'rotated'));
  t.is((await known(kubernetes, pod.uid, () => true)).pod.name, 'rotated');
});

test.serial('addresses of the cluster: a pod, a service, and a node where a pod is on the host network', async (t) => {
  const { kubernetes } = await start(t, { token: await account('peers', true), peers: true });
  const service = await server.call('POST', '/api/v1/namespaces/shop/services', {
    metadata: { name: 'db' },
    spec: { ports: [{ port: 5432 }], selector: { app: 'db' } },
  });
  await createPod('db-0', {}, { nodeName: 'node-8' });
  await createPod('proxy', {}, { nodeName: 'node-8', hostNetwork: true });
  await setStatus('db-0', { phase: 'Running', podIP: '10.244.1.9', podIPs: [{ ip: '10.244.1.9' }] });
  await setStatus('proxy', {
    phase: 'Running',
    hostIP: '192.0.2.8',
    podIP: '192.0.2.8',
    podIPs: [{ ip: '192.0.2.8' }],
  });
  const { clusterIP } = service.spec as { clusterIP: string };
  const wanted = ['10.244.1.9', clusterIP, '192.0.2.8'];
  const findAll = () => wanted.map((address) => kubernetes.findPeer(address));
  await eventually(`peers ${wanted}`, findAll, (found) => found.every(Boolean));
  t.deepEqual(findAll(), [
    { kind: 'pod', name: 'db-0', namespace: 'shop', workload: {} },
    { kind: 'service', name: 'db', namespace: 'shop' },
    { kind: 'node', name: 'node-8' },
  ]);
  await server.call('DELETE', '/api/v1/namespaces/shop/pods/db-0?gracePeriodSeconds=0');
  const gone = await settled(
    () => kubernetes.findPeer('10.244.1.9'),
    (peer) => !peer,
    PATIENCE,
  );
  t.is(gone, undefined);
});

test.serial('the API server takes each object of the example', async (t) => {
  const places: Readonly<Record<string, string>> = {
    Namespace: '/api/v1/namespaces',
    ServiceAccount: '/api/v1/namespaces/sockflow/serviceaccounts',
    ClusterRole: `${RBAC}/clusterroles`,
    ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
    DaemonSet: '/apis/apps/v1/namespaces/sockflow/daemonsets',
  };
  const objects = readExample();
  t.is(objects.length, 5);
  for (const object of objects.filter(({ kind }) => kind !== 'Namespace'))
    await t.notThrowsAsync(
      server.call('POST', `${places[object.kind]}?dryRun=All&fieldValidation=Strict`, object),
      object.kind,
    );
});

test.serial(
  'after a restart of the API server a version that it no longer has is 410, and names go on to come',
  async (t) => {
    const token = await account('old', true);
    const { kubernetes, ledger } = await start(t, { token });
    const before = metaOf(await createPod('before-restart'));
    await known(kubernetes, before.uid, () => true);
    await server.restart();
    t.is(await statusOfOldWatch(t, token), 410);
    const after = metaOf(await createPod('after-restart'));
    t.is((await known(kubernetes, after.uid, () => true)).pod.name, 'after-restart');
    t.is(kubernetes.find(before.uid, undefined)?.pod.name, 'before-restart');
    t.is(ledger.faults.get('enrich/kubernetes_malformed'), undefined);
  },
);

/** What the API server says of a version from long ago: as a status, or in the stream. */
async function statusOfOldWatch(t: ExecutionContext, token: string): Promise<number | undefined> {
  const ca = readFileSync(server.ca, 'utf8');
  const api = createApi({ server: server.url, credentials: () => ({ token, ca }) }, { deadline: 20_000 });
  t.teardown(() => api.close());
  const seen: unknown[] = [];
  const query = { watch: 'true', resourceVersion: '1', timeoutSeconds: '5' };
  const options = {
    longest: 20_000,
    signal: AbortSignal.timeout(30_000),
    onValue: (value: unknown) => seen.push(value),
  };
  return api.stream('/api/v1/pods', query, options).then(
    () => (seen[0] as { object?: { code?: number } } | undefined)?.object?.code,
    (error) => (error as { status: number }).status,
  );
}
