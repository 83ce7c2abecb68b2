/** What an API server or kubelet says: lists in pages, watches, pods, services, refusals. */

import { follow } from '../../../src/enrich/kubernetes/follow.ts';
import { createApi } from '../../../src/enrich/kubernetes/http.ts';
import { namesOf, type PodNames } from '../../../src/enrich/kubernetes/names.ts';
import { createPeers, parseService, type Service } from '../../../src/enrich/kubernetes/peers.ts';
import { type Pod, parsePod, wellKnown } from '../../../src/enrich/kubernetes/pod.ts';
import { createPods } from '../../../src/enrich/kubernetes/pods.ts';
import { parseImage } from '../../../src/enrich/runtime/image.ts';
import { list, pod } from '../../../test/support/kube-server.ts';
import { answering, parts } from '../lib/answer.ts';
import { seedsOf } from '../lib/corpus.ts';
import { damagedJson } from '../lib/json.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const web = pod('web-7d9c-x', {
  uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab',
  labels: { 'pod-template-hash': '7d9c', 'app.kubernetes.io/name': 'web' },
  annotations: { 'kubernetes.io/config.hash': 'a'.repeat(32) },
  owner: ['ReplicaSet', 'web-7d9c'],
  created: '2026-11-24T22:44:24Z',
  ip: '10.1.2.3',
  containers: [['web', 'a'.repeat(64), 'shop/web:1']],
});
const onNode = pod('proxy', {
  hostNetwork: true,
  ip: '192.0.2.1',
  owner: ['Job', 'backup-29400000'],
  phase: 'Succeeded',
});
const service = {
  metadata: { uid: 's', name: 'db', namespace: 'shop', resourceVersion: '5' },
  spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], externalIPs: ['192.0.2.7'] },
  status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } },
};
const objects = [web, onNode, service];
const status = { kind: 'Status', code: 410, message: 'too old' };
const BETWEEN = 0xff;

export const kubernetes: Target = {
  name: 'kubernetes',
  reads: 'lists and watches of Kubernetes',
  few: 700,
  open() {
    const seeds = seedsOf('kubernetes');
    return {
      make: (random: Random) => (seeds.length > 0 && random.oneIn(16) ? random.pick(seeds) : makeAnswers(random)),
      judge: judgeAnswers,
    };
  },
};

/** A list in one or more pages, then what a watch says. */
function makeAnswers(random: Random): Buffer {
  const pages = Array.from({ length: random.oneIn(8) ? 2 : 1 }, (_, page) =>
    damagedJson(list('7', objects, page === 0 && random.oneIn(8) ? 'next' : undefined), random),
  );
  const events = Array.from({ length: random.below(5) }, () => {
    const type = random.pick(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR', 'ODD']);
    return damagedJson({ type, object: type === 'ERROR' ? status : random.pick(objects) }, random);
  });
  const bodies = [...pages, events.map((event) => `${event}\n`).join('')];
  return Buffer.concat(bodies.flatMap((body) => [Buffer.of(random.below(254)), Buffer.from(body), Buffer.of(BETWEEN)]));
}

type Item = Pod | Service;
const isPod = (item: Item): item is Pod => 'containers' in item;

/** The last answer is the end, and so is one that cannot be read. */
async function judgeAnswers(input: Buffer): Promise<boolean> {
  const ended = new AbortController();
  const end = () => ended.abort();
  const bodies = parts(input, BETWEEN);
  const next = () => bodies.shift() ?? Buffer.alloc(0);
  const open = answering(next, () => bodies.length === 0 && end());
  const api = createApi({ server: 'http://x', credentials: () => ({}) }, { deadline: 60_000, open });
  const keeper = createKeeper();
  await follow<Item>(
    api,
    {
      path: '/',
      query: {},
      parse: (object) => parsePod(object, wellKnown) ?? parseService(object),
      ...keeper,
    },
    {
      signal: ended.signal,
      pause: { first: 0, most: 0 },
      onFault: (_, message) => void (/not understood|unknown kind/.test(message) || end()),
    },
  );
  api.close();
  return keeper.size > 0;
}

/** What the agent keeps of it, and what it makes of that. */
function createKeeper() {
  const pods = createPods();
  const peers = createPeers();
  const putPod = (pod: Pod): void => {
    pods.put(pod);
    peers.pods.put(pod);
    check(pod, namesOf(pods.find(pod.uid, undefined), [...pod.containers.keys()][0]));
  };
  const removePod = (pod: Pod): void => {
    pods.remove(pod);
    peers.pods.remove(pod);
  };
  const put = (item: Item): void => (isPod(item) ? putPod(item) : peers.services.put(item));
  return {
    get size() {
      return peers.size;
    },
    put,
    remove: (item: Item): void => (isPod(item) ? removePod(item) : peers.services.remove(item)),
    replace: (items: readonly Item[]) => items.forEach(put),
  };
}

function check(pod: Pod, names: PodNames | undefined): void {
  expect(names?.pod === pod, 'a pod that is not found by its uid');
  const { workload, container, serviceName } = names;
  const texts = [
    pod.uid,
    pod.name,
    pod.namespace,
    serviceName,
    ...pod.addresses,
    ...pod.labels.values(),
    ...Object.values(workload),
  ];
  for (const text of texts) expect(typeof text === 'string', `${text} instead of a text`);
  expect(serviceName !== '', 'a service without a name');
  if (container?.image !== undefined) parseImage(container.image);
}
