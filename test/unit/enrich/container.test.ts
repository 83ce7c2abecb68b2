import test from 'ava';
import { createContainerEnricher } from '../../../src/enrich/container.ts';
import { makeProcess } from '../../support/otlp-records.ts';

const id = '4f6d2a9b'.repeat(8);
const uid = '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab';

test('processes of a container share it, and what is learnt of it later', (t) => {
  const seen: string[] = [];
  const { enrich } = createContainerEnricher({ onContainer: (container) => seen.push(container.id) });
  const [one, other] = [1, 2].map((serial) => makeProcess(serial, { cgroups: [`/docker/${id}`] }));
  if (!one || !other) return t.fail();
  enrich(one);
  enrich(other);
  t.is(one.container, other.container);
  t.like(one.container, { id, runtime: 'docker' });
  t.is(one.systemdUnit, undefined);
  t.deepEqual(seen, [id], 'asked for once');
});

test('a pod is told with its container, whoever answers', (t) => {
  const seen: unknown[] = [];
  const { enrich } = createContainerEnricher({ onContainer: (_, pod) => seen.push(pod?.uid) });
  const process = makeProcess(1, { cgroups: [`/kubepods/burstable/pod${uid}/${id}`] });
  enrich(process);
  t.like(process, { container: { id, runtime: undefined }, pod: { uid } });
  t.deepEqual(seen, [uid]);
});

test('a service has its unit, and neither container nor pod', (t) => {
  const process = makeProcess(1, { cgroups: ['/system.slice/nginx.service'] });
  createContainerEnricher().enrich(process);
  t.is(process.systemdUnit, 'nginx.service');
  t.is(process.container, undefined);
  t.is(process.pod, undefined);
});

test('as many containers as a host ever had take a bounded memory', (t) => {
  let asked = 0;
  const { enrich } = createContainerEnricher({ onContainer: () => asked++ });
  const run = (number: number) => {
    const process = makeProcess(number, { cgroups: [`/docker/${number.toString(16).padStart(64, '0')}`] });
    enrich(process);
    return process.container;
  };
  const first = run(1);
  for (let number = 2; number <= 20_000; number++) run(number);
  t.is(asked, 20_000);
  t.not(run(1), first, 'the first one was forgotten, and is made anew');
});
