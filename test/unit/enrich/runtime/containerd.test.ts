import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createContainerd } from '../../../../src/enrich/runtime/containerd.ts';
import { CallError } from '../../../../src/enrich/runtime/grpc.ts';
import { settled } from '../../../support/processes.ts';
import { type RuntimeScript, startRuntimeServer } from '../../../support/runtime-server.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const spec = (text: string) => ({
  type_url: 'types.containerd.io/opencontainers/runtime-spec/1/Spec',
  value: Buffer.from(text),
});
const stored: Readonly<Record<string, Record<string, object>>> = {
  default: {
    web: {
      id: 'web',
      image: 'docker.io/library/busybox:1.36',
      labels: { team: 'blue' },
      spec: spec('{"linux":{"cgroupsPath":"/default/web"}}'),
    },
  },
  'k8s.io': { sandbox: { id: 'sandbox', spec: spec('{not json') } },
  moby: { web: { id: 'web', labels: { of: 'docker' } } },
};

const healthy: RuntimeScript = {
  Namespaces: () => ({ namespaces: Object.keys(stored).map((name) => ({ name })) }),
  Get: ({ id }, metadata) => {
    const container = stored[String(metadata.get('containerd-namespace')[0])]?.[String(id)];
    return container ? { container } : { code: status.NOT_FOUND };
  },
  List: (_, metadata) => ({ containers: Object.values(stored[String(metadata.get('containerd-namespace')[0])] ?? {}) }),
};

async function start(t: ExecutionContext, script: RuntimeScript = healthy, deadline = 5_000) {
  const socket = join(temporaryDirectory(t), 'containerd.sock');
  const server = await startRuntimeServer(socket, script);
  const client = createContainerd(socket, deadline);
  t.teardown(() => {
    client.close();
    server.stop();
  });
  return { client, server };
}

const web = {
  id: 'web',
  namespace: 'default',
  image: 'docker.io/library/busybox:1.36',
  labels: new Map([['team', 'blue']]),
  cgroup: '/default/web',
};

test('a container is found in whatever namespace it is, with the place of its cgroup', async (t) => {
  const { client } = await start(t);
  t.deepEqual(await client.find('web'), web);
  t.is(await client.find('nobody'), undefined);
});

test("what Docker keeps there is left to Docker's own API", async (t) => {
  const { client } = await start(t, { ...healthy, Namespaces: () => ({ namespaces: [{ name: 'moby' }] }) });
  t.is(await client.find('web'), undefined);
  t.deepEqual(await client.list(), []);
});

test('a specification that cannot be read only costs the cgroup', async (t) => {
  const { client } = await start(t);
  t.deepEqual(
    (await client.list()).map(({ namespace, id, cgroup }) => [namespace, id, cgroup]),
    [
      ['default', 'web', '/default/web'],
      ['k8s.io', 'sandbox', undefined],
    ],
  );
});

test('events tell of containers as they come, and of the end of the stream once', async (t) => {
  const { client, server } = await start(t);
  const seen: string[] = [];
  let ended = 0;
  const over = Promise.withResolvers<CallError>();
  client.watch({
    onCreated: (namespace, id) => seen.push(`created ${namespace}/${id}`),
    onStarted: (namespace, id) => seen.push(`started ${namespace}/${id}`),
    onEnd: (error) => {
      ended++;
      over.resolve(error);
    },
  });
  await server.subscribed();
  server.publish({ namespace: 'default', topic: '/containers/create', id: 'web' });
  server.publish({ namespace: 'moby', topic: '/containers/create', id: 'web' });
  server.publish({ namespace: 'default', topic: '/images/create', id: 'web' });
  server.publish({ namespace: 'default', topic: '/containers/create', id: '' });
  server.publish({ namespace: 'k8s.io', topic: '/tasks/start', id: 'sandbox' });
  const soFar = () => [...seen];
  t.deepEqual(await settled(soFar, ({ length }) => length >= 2), ['created default/web', 'started k8s.io/sandbox']);
  server.stop();
  t.true((await over.promise) instanceof CallError);
  t.is(ended, 1);
});

test('a watch that was stopped says nothing more, not even that it ended', async (t) => {
  const { client, server } = await start(t);
  const never = () => t.fail();
  const stop = client.watch({ onCreated: never, onStarted: never, onEnd: never });
  await server.subscribed();
  stop();
  server.publish({ namespace: 'default', topic: '/containers/create', id: 'web' });
  t.deepEqual(await client.find('web'), web);
});

test('a namespace that does not answer is told within the deadline', async (t) => {
  const { client } = await start(t, { ...healthy, Get: () => 'hang' }, 200);
  const error = await t.throwsAsync(client.find('web'), { instanceOf: CallError });
  t.is((error as CallError).kind, 'late');
});
