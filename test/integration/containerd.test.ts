import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, startAgent } from '../support/agent.ts';
import { buildNames } from '../support/c-library.ts';
import { type Containerd, IMAGE, kubeletLabels, type PodIdentity, startContainerd } from '../support/containerd.ts';
import { Namespace } from '../support/netns.ts';
import { tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const pod: PodIdentity = { name: 'web-0', namespace: 'shop', uid: '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' };

let netns: Namespace;
let directory: string;
let containerd: Containerd;
let agent: Agent;

test.before(async () => {
  netns = await Namespace.create();
  directory = sharedDirectory();
  containerd = await startContainerd(directory, netns);
  agent = await startAgent(['--format', 'json', '--runtime-endpoint', containerd.socket, '--container-labels', 'tier']);
});

test.after.always(() =>
  tearDown(
    () => agent?.stop('SIGKILL'),
    () => containerd?.stop(),
    () => netns?.close(),
    () => removeDirectory(directory),
  ),
);

/** Makes one connection, which fails. */
const ONCE = 'nc 127.0.0.1 1 || true';

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
    const names = execFileSync(buildNames(), ['/nonexistent', join(directory, 'state'), id], {
      encoding: 'utf8',
    });
    t.is(names, `${role}|${pod.name}|${pod.namespace}\n`, 'by the C library');
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

test.serial(
  'containers of a pod that live for one connection, and are removed at their end, are all named',
  async (t) => {
    const short: PodIdentity = { name: 'batch-0', namespace: 'jobs', uid: '2f0e2d3c-aaaa-4bbb-8ccc-0123456789ab' };
    const sandbox = await containerd.runPod(short);
    const names = Array.from({ length: 10 }, (_, number) => `short-${number}`);
    for (const name of names) {
      const labels = kubeletLabels(short, name);
      await containerd.removeEnded(
        await containerd.runContainer(short, sandbox, name, ['/bin/sh', '-c', ONCE], labels),
      );
    }
    await agent.waitFor('their connections', () => names.every((name) => endsOf(name).length === 1));
    for (const name of names)
      t.like(endsOf(name)[0]?.resource, {
        ...image,
        'container.label.tier': name,
        'k8s.pod.name': short.name,
        'k8s.namespace.name': short.namespace,
        'k8s.container.name': name,
      });
  },
);

test.serial('a plain container of ctr, from its first connection on, which is its last', async (t) => {
  await containerd.run('plain', '/bin/sh', '-c', ONCE);
  await agent.waitFor('its connection', () => endsOf('plain').length === 1);
  const [record] = endsOf('plain');
  t.is(record?.event_name, 'sockflow.connection.failed');
  t.like(record?.resource, { ...image, 'container.id': 'plain', 'container.name': 'plain' });
  t.is(record?.resource['k8s.pod.name'], undefined);
});

test.serial('after containerd was killed and came back, containers have their names again', async (t) => {
  await containerd.kill();
  await containerd.restart();
  // What begins before the agent is back may go without at first; the name comes to the same container.
  await containerd.begin('again', '/bin/sh', '-c', `while true; do ${ONCE}; sleep 0.1; done`);
  await agent.waitFor('a connection with a name', () => endsOf('again').length > 0);
  await containerd.begin('once', '/bin/sh', '-c', ONCE);
  await agent.waitFor('its only connection', () => endsOf('once').length === 1);
  await agent.waitFor('three with a name', () => endsOf('again').length >= 3);
  const names = ends(agent.records())
    .filter((record) => attribute(record, 'container.id') === 'again')
    .map((record) => attribute(record, 'container.name'));
  t.deepEqual([...new Set(names.slice(names.indexOf('again')))], ['again'], 'once it has a name it keeps it');
});
