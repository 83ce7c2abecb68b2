import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { createPodNaming } from '../../../../src/enrich/kubernetes/enrich.ts';
import { namesOf, type PodSource } from '../../../../src/enrich/kubernetes/names.ts';
import { parsePod, wellKnown } from '../../../../src/enrich/kubernetes/pod.ts';
import { createPods } from '../../../../src/enrich/kubernetes/pods.ts';
import type { Container, Pod } from '../../../../src/model.ts';
import { pod } from '../../../support/kube-server.ts';

function start(isAnswered: boolean) {
  const pods = createPods();
  const asked: ((isWorthIt: boolean) => void)[] = [];
  const settled: string[] = [];
  const source: PodSource = {
    description: 'scripted',
    isAnswered,
    find: (uid, id) => namesOf(pods.find(uid, id), id),
    ask: () => new Promise((resolve) => asked.push(resolve)),
    close: () => undefined,
  };
  const counts = { skipped: 0 };
  const naming = createPodNaming(source, {
    onSettled: ({ id }) => settled.push(id),
    onSkipped: () => counts.skipped++,
  });
  const put = (...fields: Parameters<typeof pod>) => {
    const parsed = parsePod(pod(...fields), wellKnown);
    if (parsed) pods.put(parsed);
  };
  const answer = async (isWorthIt = true) => {
    asked.shift()?.(isWorthIt);
    await turn();
  };
  return { naming, settled, counts, asked, put, answer };
}

const web = (): [Container, Pod] => [{ id: 'c1', runtime: 'containerd' }, { uid: 'uid-of-web' }];

test('what is known is there at once, and nobody waits', (t) => {
  const { naming, asked, put } = start(true);
  put('web', { containers: [['main', 'c1', 'registry:5000/web:1.2']], owner: ['DaemonSet', 'web'] });
  const [container, of] = web();
  naming.learn(container, of);
  t.false(naming.isAwaited(container));
  t.is(asked.length, 0);
  t.deepEqual(container.kubernetes, { name: 'main', imageName: 'registry:5000/web', imageTags: ['1.2'] });
  t.is(of.kubernetes?.name, 'web');
  t.is(of.kubernetes?.serviceName, 'web');
  t.is(of.kubernetes?.serviceNamespace, 'shop');
  t.deepEqual(of.kubernetes?.workload, { daemonset: 'web' });
});

test('a container is awaited until its pod is known; its own name may come later', async (t) => {
  const { naming, settled, put, answer } = start(false);
  const [container, of] = web();
  naming.learn(container, of);
  t.true(naming.isAwaited(container));
  await answer();
  t.true(naming.isAwaited(container), 'it was news of another pod');
  put('web');
  await answer();
  t.deepEqual(settled, ['c1']);
  t.is(of.kubernetes?.name, 'web');
  t.is(container.kubernetes, undefined);
  put('web', { containers: [['main', 'c1', 'x']] });
  await answer();
  t.is(container.kubernetes?.name, 'main');
  t.deepEqual(settled, ['c1'], 'once');
});

test('a container of a known pod is asked for, and awaited only where there is an answer', (t) => {
  for (const isAnswered of [true, false]) {
    const { naming, asked, put } = start(isAnswered);
    put('web');
    const [container, of] = web();
    naming.learn(container, of);
    t.is(asked.length, 1);
    t.is(naming.isAwaited(container), isAnswered);
  }
});

test('when asking is of no use, nobody waits any more', async (t) => {
  const { naming, settled, asked, answer } = start(true);
  const [container, of] = web();
  naming.learn(container, of);
  await answer(false);
  t.false(naming.isAwaited(container));
  t.deepEqual(settled, ['c1']);
  t.is(asked.length, 0);
});

test('of a flood of containers that nobody knows, 512 are asked for and the others go at once, counted', (t) => {
  const { naming, asked, counts } = start(true);
  const containers = Array.from({ length: 600 }, (_, index): Container => ({ id: `c${index}`, runtime: undefined }));
  for (const container of containers) naming.learn(container, { uid: `u-${container.id}` });
  t.is(asked.length, 512);
  t.is(containers.filter((container) => naming.isAwaited(container)).length, 512);
  t.is(counts.skipped, 88);
});

test('after the end nobody waits or is asked for, and an answer that comes then changes nothing', async (t) => {
  const { naming, settled, asked, put, answer } = start(false);
  const [container, of] = web();
  naming.learn(container, of);
  naming.close();
  t.false(naming.isAwaited(container));
  put('web');
  await answer();
  t.is(of.kubernetes, undefined);
  naming.learn({ id: 'c2', runtime: undefined }, { uid: 'u2' });
  t.deepEqual([settled, asked], [[], []]);
});
