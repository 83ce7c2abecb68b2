import test from 'ava';
import { parsePod, wellKnown } from '../../../../src/enrich/kubernetes/pod.ts';
import { type OwnerOf, serviceNameOf, workloadOf } from '../../../../src/enrich/kubernetes/workload.ts';
import { type PodFields, pod } from '../../../support/kube-server.ts';

const made = (fields: PodFields) => parsePod(pod('pod', fields), wellKnown) as NonNullable<ReturnType<typeof parsePod>>;

const minute = 29_381_760;
const created = new Date(minute * 60_000 + 1_000).toISOString();
const hash = { 'pod-template-hash': '5d9c7b8f6d' };
const unasked: readonly [string, PodFields, object][] = [
  ['nobody', {}, {}],
  ['a node (static pod)', { owner: ['Node', 'n'] }, {}],
  ['a StatefulSet', { owner: ['StatefulSet', 'pg'] }, { statefulset: 'pg' }],
  ['a DaemonSet', { owner: ['DaemonSet', 'proxy'] }, { daemonset: 'proxy' }],
  [
    'a Deployment',
    { owner: ['ReplicaSet', 'web-5d9c7b8f6d'], labels: hash },
    { replicaset: 'web-5d9c7b8f6d', deployment: 'web' },
  ],
  [
    'a ReplicaSet that looks like one of a Deployment',
    { owner: ['ReplicaSet', 'web-5d9c7b8f6d'] },
    { replicaset: 'web-5d9c7b8f6d' },
  ],
  [
    'a ReplicaSet with the label and another name',
    { owner: ['ReplicaSet', 'web'], labels: hash },
    { replicaset: 'web' },
  ],
  [
    'a ReplicaSet that is called by the hash alone',
    { owner: ['ReplicaSet', '-5d9c7b8f6d'], labels: hash },
    { replicaset: '-5d9c7b8f6d' },
  ],
  ['a CronJob', { owner: ['Job', `backup-${minute}`], created }, { job: `backup-${minute}`, cronjob: 'backup' }],
  ['a Job', { owner: ['Job', 'load-test-2024'], created }, { job: 'load-test-2024' }],
  [
    'a Job with a date in its name',
    { owner: ['Job', 'report-20240102'], created: '2024-01-02T00:00:00Z' },
    { job: 'report-20240102' },
  ],
  ['a Job of unknown age', { owner: ['Job', `backup-${minute}`] }, { job: `backup-${minute}` }],
];
for (const [what, fields, workload] of unasked) {
  test(`a pod of ${what} belongs to ${JSON.stringify(workload)}, as far as it shows itself`, (t) => {
    t.deepEqual(workloadOf(made(fields)), workload);
  });
}

test('where the owner of the owner is known, its name decides and not the signs', (t) => {
  const owned =
    (kind: string, name: string): OwnerOf =>
    () => ({ kind, name });
  const set = made({ owner: ['ReplicaSet', 'web-1'] });
  t.deepEqual(workloadOf(set, owned('Deployment', 'web')), { replicaset: 'web-1', deployment: 'web' });
  t.deepEqual(workloadOf(set, owned('Rollout', 'web')), { replicaset: 'web-1' });
  const signed = made({ owner: ['ReplicaSet', 'web-5d9c7b8f6d'], labels: hash });
  t.deepEqual(
    workloadOf(signed, () => undefined),
    { replicaset: 'web-5d9c7b8f6d' },
  );
  const job = made({ owner: ['Job', 'odd'] });
  t.deepEqual(workloadOf(job, owned('CronJob', 'nightly')), { job: 'odd', cronjob: 'nightly' });
});

const order: readonly [PodFields, string | undefined, string][] = [
  [
    { annotations: { 'resource.opentelemetry.io/service.name': 'a' }, labels: { 'app.kubernetes.io/instance': 'b' } },
    'c',
    'a',
  ],
  [{ labels: { 'app.kubernetes.io/instance': 'b', 'app.kubernetes.io/name': 'c' } }, 'c', 'b'],
  [
    { labels: { 'app.kubernetes.io/name': 'webshop', ...hash }, owner: ['ReplicaSet', 'web-5d9c7b8f6d'] },
    'c',
    'webshop',
  ],
  [{ labels: hash, owner: ['ReplicaSet', 'web-5d9c7b8f6d'] }, 'c', 'web'],
  [{ owner: ['ReplicaSet', 'bare'] }, 'c', 'bare'],
  [{ owner: ['Job', `backup-${minute}`], created }, 'c', 'backup'],
  [{ owner: ['Job', 'once'] }, 'c', 'once'],
  [{ owner: ['StatefulSet', 'pg'] }, 'c', 'pg'],
  [{ owner: ['DaemonSet', 'proxy'] }, 'c', 'proxy'],
  [{ labels: { 'app.kubernetes.io/name': '' } }, 'c', 'pod'],
];
for (const [fields, container, name] of order) {
  test(`service.name is ${name} for ${JSON.stringify(fields)}`, (t) => {
    const one = made(fields);
    t.is(serviceNameOf(one, workloadOf(one), container), name);
  });
}
