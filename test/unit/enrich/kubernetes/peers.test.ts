import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { createPeers, parseService } from '../../../../src/enrich/kubernetes/peers.ts';
import { parsePod, wellKnown } from '../../../../src/enrich/kubernetes/pod.ts';
import { type PodFields, pod } from '../../../support/kube-server.ts';

const made = (name: string, fields: PodFields) =>
  parsePod(pod(name, fields), wellKnown) as NonNullable<ReturnType<typeof parsePod>>;
const service = (name: string, spec: object, status: object = {}) =>
  parseService({ metadata: { uid: `s-${name}`, name, namespace: 'shop' }, spec, status });

test("an address is its pod's, with the workload", (t) => {
  const peers = createPeers();
  peers.pods.put(
    made('web-5d9c7b8f6d-x', {
      ip: '10.0.0.7',
      owner: ['ReplicaSet', 'web-5d9c7b8f6d'],
      labels: { 'pod-template-hash': '5d9c7b8f6d' },
    }),
  );
  t.deepEqual(peers.find('10.0.0.7'), {
    kind: 'pod',
    name: 'web-5d9c7b8f6d-x',
    namespace: 'shop',
    workload: { replicaset: 'web-5d9c7b8f6d', deployment: 'web' },
  });
  t.is(peers.find('10.0.0.8'), undefined);
});

test('of pods on the host network it is said that it is the node, not guessed which of them', (t) => {
  const peers = createPeers();
  for (const name of ['etcd', 'proxy']) peers.pods.put(made(name, { ip: '192.0.2.10', hostNetwork: true, node: 'n1' }));
  t.deepEqual(peers.find('192.0.2.10'), { kind: 'node', name: 'n1' });
  peers.pods.remove(made('proxy', { ip: '192.0.2.10', hostNetwork: true }));
  t.deepEqual(peers.find('192.0.2.10'), { kind: 'node', name: 'n1' });
});

test('an address that went to another pod stays there, whichever news comes last', (t) => {
  for (const order of ['removed first', 'removed last']) {
    const peers = createPeers();
    const old = made('old', { ip: '10.0.0.7' });
    peers.pods.put(old);
    if (order === 'removed first') peers.pods.remove(old);
    peers.pods.put(made('new', { ip: '10.0.0.7', namespace: 'other' }));
    if (order === 'removed last') peers.pods.remove(old);
    const found = peers.find('10.0.0.7');
    t.is(found?.name, 'new', order);
  }
});

test('a pod that is over has no address any more', (t) => {
  const peers = createPeers();
  peers.pods.put(made('finished', { ip: '10.0.0.7' }));
  peers.pods.put(made('running', { ip: '10.0.0.8' }));
  peers.pods.put(made('finished', { ip: '10.0.0.7', phase: 'Succeeded' }));
  t.is(peers.find('10.0.0.7'), undefined);
  t.is(peers.size, 1);
});

test('a pod whose address changed is not found by the old one', (t) => {
  const peers = createPeers();
  peers.pods.put(made('web', { ip: '10.0.0.7' }));
  peers.pods.put(made('web', { ip: '10.0.0.8' }));
  t.is(peers.find('10.0.0.7'), undefined);
  t.is(peers.find('10.0.0.8')?.name, 'web');
});

test('a new list forgets what it does not have', (t) => {
  const peers = createPeers();
  peers.pods.put(made('a', { ip: '10.0.0.7' }));
  peers.pods.replace([made('b', { ip: '10.0.0.8' })]);
  t.is(peers.find('10.0.0.7'), undefined);
  t.is(peers.size, 1);
});

test('a service is found by its cluster, external and load-balancer addresses; a headless one by none', (t) => {
  const peers = createPeers();
  const web = service(
    'web',
    { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00::9'], externalIPs: ['203.0.113.1'] },
    { loadBalancer: { ingress: [{ ip: '203.0.113.2' }, { hostname: 'x' }] } },
  );
  const headless = service('headless', { clusterIP: 'None' });
  for (const one of [web, headless]) if (one) peers.services.put(one);
  for (const address of ['10.96.0.9', 'fd00::9', '203.0.113.1', '203.0.113.2'])
    t.deepEqual(peers.find(address), { kind: 'service', name: 'web', namespace: 'shop' });
  t.is(peers.find('None'), undefined);
  t.is(peers.size, 1);
});

for (const object of [null, 'x', {}, { metadata: { uid: 'u' } }]) {
  test(`${JSON.stringify(object)} is no service`, (t) => t.is(parseService(object), undefined));
}

test('a service whose parts have odd types has no address', (t) => {
  t.deepEqual(service('odd', { clusterIP: 7, clusterIPs: 'x', externalIPs: [null, {}] })?.addresses, []);
});

test('ten thousand pods take at most 8 MiB', (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const peers = createPeers();
  const all = Array.from({ length: 10_000 }, (_, index) => {
    const workload = `deployment-${index % 700}-5d9c7b8f6d`;
    return JSON.stringify(
      pod(`${workload}-x${index}`, {
        uid: `1f0e2d3c-aaaa-4bbb-8ccc-${String(index).padStart(12, '0')}`,
        namespace: `team-${index % 60}`,
        owner: ['ReplicaSet', workload],
        labels: { 'pod-template-hash': '5d9c7b8f6d' },
        ip: `10.0.${index >> 8}.${index & 255}`,
      }),
    );
  });
  collect();
  const before = process.memoryUsage().heapUsed;
  for (const text of all) {
    const parsed = parsePod(JSON.parse(text), wellKnown);
    if (parsed) peers.pods.put(parsed);
  }
  collect();
  const mebibytes = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  t.is(peers.size, 10_000);
  t.true(mebibytes < 8, `${mebibytes} MiB`);
});
