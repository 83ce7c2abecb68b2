import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Api } from '../../../../src/enrich/kubernetes/http.ts';
import { createKubernetes, type Kubernetes, type KubernetesOptions } from '../../../../src/enrich/kubernetes/index.ts';
import type { PodNames } from '../../../../src/enrich/kubernetes/names.ts';
import { createOwners } from '../../../../src/enrich/kubernetes/owners.ts';
import { type Pod, parsePod, wellKnown } from '../../../../src/enrich/kubernetes/pod.ts';
import { StartError } from '../../../../src/errors.ts';
import { Ledger } from '../../../../src/ledger.ts';
import { createLog } from '../../../../src/log.ts';
import {
  type KubeHandler,
  kubeconfigFor,
  list,
  pod,
  refuse,
  startKubeServer,
  watch,
} from '../../../support/kube-server.ts';

/** Deadlines alone keep no process alive. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

interface Started {
  readonly kubernetes: NonNullable<ReturnType<typeof createKubernetes>>;
  readonly ledger: Ledger;
  readonly said: string[];
}

function start(t: ExecutionContext, given: Partial<KubernetesOptions>): Started {
  const ledger = new Ledger();
  const said: string[] = [];
  const kubernetes = createKubernetes({
    source: 'auto',
    kubeconfig: undefined,
    kubeletEndpoint: 'http://127.0.0.1:1',
    kubeletCertificate: undefined,
    nodeName: 'n',
    labels: [],
    annotations: [],
    peers: false,
    ledger,
    log: createLog('warn', (line) => said.push(line)),
    env: {},
    ...given,
  });
  if (!kubernetes) throw new Error('nobody is asked');
  t.teardown(() => kubernetes.close());
  return { kubernetes, ledger, said };
}

/** Asks until the pod, and its container where one is given, is known, or it is of no use. */
async function ask(kubernetes: Kubernetes, uid: string, containerId?: string): Promise<PodNames | undefined> {
  const find = () => kubernetes.find(uid, containerId);
  const isKnown = (names = find()) =>
    names !== undefined && !names.isPending && (containerId === undefined || names.container !== undefined);
  while (!isKnown() && (await kubernetes.ask(5_000)));
  return find();
}

/** Answers by what is asked for, not by the order. */
function byPath(answers: Readonly<Record<string, KubeHandler>>): KubeHandler {
  return (request, response) => {
    const key = `${request.query.watch ? 'watch ' : ''}${request.path}`;
    return (answers[key] ?? refuse(404, `${key} not found`))(request, response);
  };
}

const web = pod('web-1-x', {
  owner: ['ReplicaSet', 'web-1'],
  containers: [['web', 'c1', 'registry:5000/web:1']],
});
const owned = (kind: string, name: string) => () => ({
  metadata: { ownerReferences: [{ kind, name, controller: true }] },
});

test('from the API server: a pod, its workload by asking for the owner of its owner, and its container', async (t) => {
  const server = await startKubeServer(
    t,
    byPath({
      '/api/v1/pods': () => list('10', [web]),
      'watch /api/v1/pods': watch(),
      '/apis/apps/v1/namespaces/shop/replicasets/web-1': owned('Deployment', 'web'),
    }),
  );
  const { kubernetes } = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  const names = await ask(kubernetes, 'uid-of-web-1-x', 'c1');
  t.is(names?.pod.name, 'web-1-x');
  t.deepEqual(names?.workload, { replicaset: 'web-1', deployment: 'web' });
  t.deepEqual(names?.container, { name: 'web', image: 'registry:5000/web:1' });
  t.is(names?.serviceName, 'web');
  t.deepEqual(kubernetes.find('uid-of-web-1-x', undefined)?.workload, { replicaset: 'web-1', deployment: 'web' });
  t.true(server.requests.every(({ token }) => token === 'secret'));
  t.deepEqual(server.requests[0]?.query.fieldSelector, 'spec.nodeName=n');
});

test('a pod that the kernel knows before the API server tells of it is waited for', async (t) => {
  let tell: () => void = () => undefined;
  const server = await startKubeServer(
    t,
    byPath({
      '/api/v1/pods': () => list('10', []),
      'watch /api/v1/pods': (_, response) => {
        response.flushHeaders();
        tell = () => response.write(`${JSON.stringify({ type: 'ADDED', object: pod('late') })}\n`);
      },
    }),
  );
  const { kubernetes } = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  await server.until(2);
  const asked = ask(kubernetes, 'uid-of-late');
  t.is(kubernetes.find('uid-of-late', undefined), undefined);
  tell();
  t.is((await asked)?.pod.name, 'late');
});

test('an owner that must not be asked for costs a warning and a count, and the signs on the pod serve', async (t) => {
  const signed = pod('web-abc-x', { owner: ['ReplicaSet', 'web-abc'], labels: { 'pod-template-hash': 'abc' } });
  const server = await startKubeServer(
    t,
    byPath({
      '/api/v1/pods': () => list('10', [signed]),
      'watch /api/v1/pods': watch(),
      '/apis/apps/v1/namespaces/shop/replicasets/web-abc': refuse(403, 'replicasets is forbidden'),
    }),
  );
  const { kubernetes, ledger, said } = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  t.is((await ask(kubernetes, 'uid-of-web-abc-x'))?.workload.deployment, 'web');
  t.is(ledger.faults.get('enrich/kubernetes_forbidden'), 1);
  t.regex(said.join(''), /owners of pods from http.*forbidden: replicasets is forbidden; allow it/);
});

/** That many pods, each of a ReplicaSet of its own. */
const crowd = (count: number) =>
  Array.from({ length: count }, (_, index) => pod(`p${index}`, { owner: ['ReplicaSet', `r${index}`] }));

test('of however many owners that come at once each is asked for', async (t) => {
  const pods = crowd(40);
  const server = await startKubeServer(t, (request, response) => {
    const [, number] = /replicasets\/r(\d+)$/.exec(request.path) ?? [];
    if (number !== undefined) return owned('Deployment', `d${number}`)();
    return request.query.watch ? watch()(request, response) : list('10', pods);
  });
  const { kubernetes } = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  const names = await Promise.all(pods.map((_, index) => ask(kubernetes, `uid-of-p${index}`)));
  t.deepEqual(
    names.map((one) => one?.workload.deployment),
    pods.map((_, index) => `d${index}`),
  );
});

test('owners that wait when the server refuses are not asked for', async (t) => {
  const pods = crowd(40);
  const server = await startKubeServer(t, (request, response) => {
    if (request.path.includes('replicasets')) return refuse(403, 'no')(request, response);
    return request.query.watch ? watch()(request, response) : list('10', pods);
  });
  const { kubernetes, ledger } = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  for (const index of pods.keys()) await ask(kubernetes, `uid-of-p${index}`);
  const asked = server.requests.filter(({ path }) => path.includes('replicasets')).length;
  t.true(asked >= 1 && asked <= 8, `${asked}`);
  t.is(ledger.faults.get('enrich/kubernetes_forbidden'), asked);
});

test('owners beyond those that may wait are counted', async (t) => {
  let skipped = 0;
  const asked: string[] = [];
  const get = (path: string) => {
    asked.push(path);
    return new Promise<never>(() => {});
  };
  const api: Api = { get, stream: async () => undefined, close: () => undefined };
  const owners = createOwners(api, { onFault: () => t.fail(), onSkipped: () => skipped++ });
  const made = crowd(4_100).map((one) => parsePod(one, wellKnown) as Pod);
  for (const one of made) void owners.learn(one);
  await turn();
  t.is(asked.length, 8);
  t.is(skipped, 4);
  t.is(made.filter(owners.isAsking).length, 4_096);
});

for (const source of ['api', 'kubelet'] as const)
  test(`what breaks because it ends is no fault: ${source}`, async (t) => {
    const broken = Promise.withResolvers<void>();
    const server = await startKubeServer(t, (request, response) => {
      if (request.query.watch) return watch()(request, response);
      if (request.path.includes('/api/v1/pods')) return list('10', crowd(1));
      response.on('close', broken.resolve);
    });
    const where = source === 'api' ? { kubeconfig: kubeconfigFor(t, server.url) } : { kubeletEndpoint: server.url };
    const { kubernetes, ledger, said } = start(t, { source, ...where });
    const asked = kubernetes.ask(5_000);
    // List, watch, owner; the kubelet has one question.
    await server.until(source === 'api' ? 3 : 1);
    const more = source === 'api' ? kubernetes.ask(600_000) : asked;
    kubernetes.close();
    t.false(await more, 'it is of no use to ask again');
    await broken.promise;
    await turn();
    t.deepEqual([[...ledger.faults], said], [[], []]);
    t.false(await kubernetes.ask(5_000));
  });

test('addresses of the cluster are watched only when that is asked for', async (t) => {
  const answers = byPath({
    '/api/v1/pods': () => list('10', [pod('db', { ip: '10.0.0.7' })]),
    '/api/v1/services': () =>
      list('10', [{ metadata: { uid: 's', name: 'db', namespace: 'shop' }, spec: { clusterIP: '10.96.0.1' } }]),
    'watch /api/v1/pods': watch(),
    'watch /api/v1/services': watch(),
  });
  const server = await startKubeServer(t, answers);
  const without = start(t, { kubeconfig: kubeconfigFor(t, server.url) });
  await server.until(2);
  t.false(server.requests.some(({ path }) => path === '/api/v1/services'));
  t.is(without.kubernetes.findPeer('10.0.0.7'), undefined);
  const { kubernetes } = start(t, { kubeconfig: kubeconfigFor(t, server.url), peers: true });
  await server.until(8);
  t.is(kubernetes.findPeer('10.0.0.7')?.name, 'db');
  t.deepEqual(kubernetes.findPeer('10.96.0.1'), { kind: 'service', name: 'db', namespace: 'shop' });
});

test('the kubelet is asked only when something is unknown, and by many at once only once', async (t) => {
  const server = await startKubeServer(t, () => list('', [web]));
  const { kubernetes } = start(t, { kubeletEndpoint: server.url });
  t.is(server.requests.length, 0);
  const all = await Promise.all([1, 2, 3].map(() => ask(kubernetes, 'uid-of-web-1-x', 'c1')));
  t.deepEqual(
    all.map((names) => names?.container?.name),
    ['web', 'web', 'web'],
  );
  t.is(server.requests.length, 1);
  t.is(server.requests[0]?.path, '/pods');
  await kubernetes.ask(0);
  t.is(server.requests.length, 2);
});

test('where nobody expects a kubelet, its absence is counted and not complained about', async (t) => {
  const { kubernetes, ledger, said } = start(t, {});
  t.is(await ask(kubernetes, 'u', 'c'), undefined);
  t.is(await ask(kubernetes, 'u', 'c'), undefined);
  t.is(ledger.faults.get('enrich/kubernetes_unreachable'), 1, 'after a failure comes a pause');
  t.deepEqual(said, []);
});

const answers: readonly [string, KubeHandler, string][] = [
  ['a web page', (_, response) => void response.end('<html>'), 'malformed'],
  ['another kind of object', () => ({ kind: 'Status' }), 'malformed'],
  ['a refusal', refuse(403, 'nodes/proxy is forbidden'), 'forbidden'],
  ['a token that expired', refuse(401, 'Unauthorized'), 'unauthorized'],
  ['a failure', refuse(500, 'oops'), 'failed'],
];
for (const [what, answer, fault] of answers) {
  test(`${what} of a kubelet that was asked for is said and counted`, async (t) => {
    const server = await startKubeServer(t, answer);
    const { kubernetes, ledger, said } = start(t, { source: 'kubelet', kubeletEndpoint: server.url });
    t.is(await ask(kubernetes, 'u', 'c'), undefined);
    t.is(ledger.faults.get(`enrich/kubernetes_${fault}`), 1);
    t.regex(said.join(''), new RegExp(`pods of this node from http.*: ${fault}:`));
  });
}

test('a pod that is not understood is counted, and the others are taken', async (t) => {
  const server = await startKubeServer(t, () => list('', [{}, web]));
  const { kubernetes, ledger } = start(t, { source: 'kubelet', kubeletEndpoint: server.url });
  t.is((await ask(kubernetes, 'uid-of-web-1-x', 'c1'))?.pod.name, 'web-1-x');
  t.is(ledger.faults.get('enrich/kubernetes_malformed'), 1);
});

test('what cannot be had is refused at the start', (t) => {
  t.throws(() => start(t, { source: 'api' }), { instanceOf: StartError, message: /no service account/ });
  t.throws(() => start(t, { peers: true }), {
    instanceOf: StartError,
    message: /--kubernetes-peers needs the API server/,
  });
  t.throws(() => start(t, { kubeconfig: '/nowhere' }), { instanceOf: StartError, message: /no such file/ });
  t.throws(() => start(t, { source: 'none' }), { message: 'nobody is asked' });
});
