import { mkdtempSync, rmSync } from 'node:fs';
import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, startAgent } from '../support/agent.ts';
import { type Containerd, IMAGE, type PodIdentity, startContainerd } from '../support/containerd.ts';
import { Namespace } from '../support/netns.ts';

const pod: PodIdentity = { name: 'web-0', namespace: 'shop', uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' };

let netns: Namespace;
let directory: string;
let containerd: Containerd;
let agent: Agent;

test.before(async () => {
  netns = await Namespace.create();
  directory = mkdtempSync('/tmp/sf-');
  containerd = await startContainerd(directory, netns);
  agent = await startAgent(['--format', 'json', '--runtime-endpoint', containerd.socket, '--container-labels', 'tier']);
});

test.after.always(async () => {
  await agent?.stop('SIGKILL');
  await containerd?.stop();
  await netns?.close();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

function endsOf(name: string): JsonRecord[] {
  return ends(agent.records()).filter((record) => attribute(record, 'container.name') === name);
}

const image = {
  'container.image.name': IMAGE.name,
  'container.image.tags': [IMAGE.tag],
  'container.runtime.name': 'containerd',
};

test.serial('both containers of a pod, at both ends of a connection between them', async (t) => {
  const sandbox = await containerd.runPod(pod);
  const server = await containerd.runContainer(pod, sandbox, 'server', [
    '/bin/sh',
    '-c',
    'nc -l -p 8080 >/dev/null; sleep 1000',
  ]);
  const script = 'until echo hello | nc 127.0.0.1 8080; do sleep 0.1; done; sleep 1000';
  const client = await containerd.runContainer(pod, sandbox, 'client', ['/bin/sh', '-c', script]);
  const closed = () =>
    ends(agent.records()).filter(
      (record) =>
        attribute(record, 'server.port') === 8080 &&
        attribute(record, 'k8s.pod.name') === pod.name &&
        !attribute(record, 'error.type'),
    );
  await agent.waitFor('both ends', () => closed().length === 2);
  for (const [role, id] of [
    ['server', server],
    ['client', client],
  ] as const) {
    const record = closed().find((one) => attribute(one, 'sockflow.connection.role') === role);
    t.like(record?.resource, {
      ...image,
      'container.id': id,
      'container.name': role,
      'container.label.tier': role,
      'k8s.pod.uid': pod.uid,
      'k8s.pod.name': pod.name,
      'k8s.namespace.name': pod.namespace,
      'k8s.container.name': role,
    });
  }
});

test.serial('a plain container of ctr, from its first connection on, which is its last', async (t) => {
  await containerd
    .ctr(
      'run',
      '--rm',
      '--snapshotter',
      'native',
      '--net-host',
      `${IMAGE.name}:${IMAGE.tag}`,
      'plain',
      '/bin/nc',
      '127.0.0.1',
      '1',
    )
    .catch(() => undefined);
  await agent.waitFor('its connection', () => endsOf('plain').length === 1);
  const [record] = endsOf('plain');
  t.is(record?.event_name, 'sockflow.connection.failed');
  t.like(record?.resource, { ...image, 'container.id': 'plain', 'container.name': 'plain' });
  t.is(record?.resource['k8s.pod.name'], undefined);
});

test.serial('after containerd was killed and came back, containers have their names again', async (t) => {
  await containerd.kill();
  await containerd.restart();
  await agent
    .waitFor(
      'a name',
      () => {
        // Each try is a container of its own; the agent may need a moment to be back.
        return endsOf('again').length >= 1;
      },
      1,
    )
    .catch(() => undefined);
  for (let round = 0; endsOf('again').length === 0 && round < 20; round++) {
    await containerd
      .ctr(
        'run',
        '--rm',
        '--snapshotter',
        'native',
        '--net-host',
        `${IMAGE.name}:${IMAGE.tag}`,
        'again',
        '/bin/nc',
        '127.0.0.1',
        '1',
      )
      .catch(() => undefined);
    await agent.waitFor('its connection', () => endsOf('again').length > 0, 3_000).catch(() => undefined);
  }
  t.true(endsOf('again').length > 0);
});
