import test from 'ava';
import { parsePod, wellKnown } from '../../../../src/enrich/kubernetes/pod.ts';
import { createPods } from '../../../../src/enrich/kubernetes/pods.ts';
import { pod } from '../../../support/kube-server.ts';

const parse = (object: unknown) => parsePod(object, wellKnown);
const made = (...args: Parameters<typeof pod>) => parse(pod(...args)) as NonNullable<ReturnType<typeof parse>>;

test('a pod is cut down to what is shown', (t) => {
  const labels = { 'app.kubernetes.io/name': 'webshop', secret: 'x' };
  t.deepEqual(
    made('web-0', {
      labels,
      owner: ['StatefulSet', 'web'],
      ip: '10.0.0.7',
      created: '2026-01-01T00:00:00Z',
      containers: [['web', 'c1', 'nginx:1']],
    }),
    {
      uid: 'uid-of-web-0',
      configHash: undefined,
      name: 'web-0',
      namespace: 'shop',
      node: 'n',
      owner: { kind: 'StatefulSet', name: 'web' },
      created: Date.parse('2026-01-01T00:00:00Z'),
      labels: new Map([['app.kubernetes.io/name', 'webshop']]),
      annotations: new Map(),
      addresses: ['10.0.0.7'],
      isOnHostNetwork: false,
      isOver: false,
      containers: new Map([['c1', { name: 'web', image: 'nginx:1' }]]),
    },
  );
});

test('only labels and annotations that were asked for are kept, and none is found in a prototype', (t) => {
  const labels = { team: 'blue', other: 'x' };
  const kept = { labels: new Set(['team', 'constructor']), annotations: new Set<string>() };
  t.deepEqual(parsePod(pod('a', { labels }), kept)?.labels, new Map([['team', 'blue']]));
});

test('init and ephemeral containers are found, and the container before a restart', (t) => {
  const object = pod('a') as { status: object };
  object.status = {
    initContainerStatuses: [{ name: 'migrate', containerID: 'cri-o://i1', image: 'flyway:10' }],
    ephemeralContainerStatuses: [{ name: 'debug', containerID: 'containerd://e1', image: 'busybox' }],
    containerStatuses: [
      { name: 'web', containerID: 'docker://c2', lastState: { terminated: { containerID: 'docker://c1' } } },
      { name: 'waiting', image: 'x' },
    ],
  };
  t.deepEqual(
    [...(parse(object)?.containers ?? [])].map(([id, { name }]) => `${id} ${name}`),
    ['c1 web', 'c2 web', 'i1 migrate', 'e1 debug'],
  );
});

test('where the status has the bare id of an image, the one that was asked for is named', (t) => {
  const object = pod('a', { containers: [['web', 'c1', 'nginx:1']] }) as {
    status: { containerStatuses: { image: string }[] };
  };
  for (const status of object.status.containerStatuses) status.image = `sha256:${'0'.repeat(64)}`;
  t.is(parse(object)?.containers.get('c1')?.image, 'nginx:1');
});

for (const object of [null, 7, 'x', [], {}, { metadata: { uid: 'u', name: 7, namespace: 'n' } }, { metadata: [] }]) {
  test(`${JSON.stringify(object)} is no pod`, (t) => t.is(parse(object), undefined));
}

test('a pod whose parts have odd types is a pod without these parts', (t) => {
  const odd = {
    metadata: { uid: 'u', name: 'a', namespace: 'n', labels: 'x', ownerReferences: {} },
    spec: 3,
    status: { podIPs: 'x', containerStatuses: [null, { name: {}, containerID: [] }] },
  };
  const parsed = parse(odd);
  t.is(parsed?.owner, undefined);
  t.deepEqual(parsed?.addresses, []);
  t.is(parsed?.containers.size, 0);
});

test('a pod is found by its uid, by a container, and a static one by the hash of its manifest', (t) => {
  const pods = createPods();
  pods.put(made('web', { containers: [['web', 'c1', 'x']] }));
  pods.put(made('etcd', { annotations: { 'kubernetes.io/config.hash': 'hash' } }));
  t.is(pods.find('uid-of-web', undefined)?.name, 'web');
  t.is(pods.find(undefined, 'c1')?.name, 'web');
  t.is(pods.find('uid-of-nobody', 'c1')?.name, 'web');
  t.is(pods.find('hash', undefined)?.name, 'etcd');
  t.is(pods.find('uid-of-nobody', 'c9'), undefined);
  t.is(pods.find(undefined, undefined), undefined);
});

test('a pod that has gone is still found for a while, then forgotten with its containers', (t) => {
  let time = 1_000;
  const pods = createPods(() => time);
  const web = made('web', { containers: [['web', 'c1', 'x']] });
  pods.put(web);
  pods.remove(web);
  time += 100_000;
  pods.replace([]);
  t.is(pods.find('uid-of-web', undefined)?.name, 'web');
  time += 100_000;
  pods.replace([made('other')]);
  t.is(pods.find('uid-of-web', undefined), undefined);
  t.is(pods.find(undefined, 'c1'), undefined);
});

test('a pod that comes back is not forgotten', (t) => {
  let time = 1_000;
  const pods = createPods(() => time);
  pods.put(made('web'));
  pods.replace([]);
  pods.put(made('web'));
  time += 1_000_000;
  pods.replace([made('web')]);
  t.is(pods.find('uid-of-web', undefined)?.name, 'web');
});

test('however many pods come and go, a thousand of those that went are remembered', (t) => {
  const pods = createPods(() => 1_000);
  for (let index = 0; index < 3_000; index++) {
    const one = made(`p${index}`, { containers: [['c', `c${index}`, 'x']] });
    pods.put(one);
    pods.remove(one);
  }
  const remembered = Array.from({ length: 3_000 }, (_, index) => index);
  t.is(remembered.filter((index) => pods.find(`uid-of-p${index}`, undefined)).length, 1_000);
  t.is(remembered.filter((index) => pods.find(undefined, `c${index}`)).length, 1_000);
});

test('a container whose id went to the next state of its pod is not forgotten with the old state', (t) => {
  const pods = createPods();
  pods.put(made('web', { containers: [['web', 'c1', 'x']] }));
  pods.put(
    made('web', {
      containers: [
        ['web', 'c1', 'x'],
        ['side', 'c2', 'y'],
      ],
    }),
  );
  t.is(pods.find(undefined, 'c1')?.containers.size, 2);
});

test('a static pod that was made anew is found by its hash when the one before is forgotten by news of another', (t) => {
  let time = 1_000;
  const pods = createPods(() => time);
  const annotations = { 'kubernetes.io/config.hash': 'hash' };
  const before = made('etcd', { uid: 'u1', annotations });
  pods.put(before);
  pods.put(made('etcd', { uid: 'u2', annotations }));
  pods.remove(before);
  time += 1_000_000;
  pods.remove(made('other'));
  t.is(pods.find('u1', undefined), undefined);
  t.is(pods.find('hash', undefined)?.uid, 'u2');
});
