import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type CriRuntimeOptions, createCriRuntime } from '../../../../src/enrich/runtime/cri-runtime.ts';
import { findCriSockets } from '../../../../src/enrich/runtime/cri-sockets.ts';
import { CallError } from '../../../../src/enrich/runtime/grpc.ts';
import type { Found } from '../../../../src/enrich/runtime/runtime.ts';
import { keepAlive } from '../../../support/alive.ts';
import { eventually, inTime } from '../../../support/processes.ts';
import { type RuntimeScript, type RuntimeStreams, startRuntimeServer } from '../../../support/runtime-server.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const ID = 'a'.repeat(64);
const cri: RuntimeScript = {
  Version: () => ({ runtime_name: 'containerd', runtime_version: '2' }),
  ListContainers: ({ filter }) => ({
    containers:
      (filter as { id: string }).id === ID
        ? [{ id: ID, pod_sandbox_id: 'p', metadata: { name: 'web' }, labels: { team: 'blue', other: 'x' } }]
        : [],
  }),
  ContainerStatus: () => ({ status: { image: { image: 'registry:5000/web:1.2' } } }),
  PodSandboxStatus: () => ({ status: { metadata: { name: 'web-0', uid: 'u', namespace: 'shop' } } }),
};
const kubelets = {
  'io.kubernetes.container.name': 'init',
  'io.kubernetes.pod.name': 'web-0',
  'io.kubernetes.pod.uid': 'u',
  'io.kubernetes.pod.namespace': 'shop',
};
const stored: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  default: {
    plain: { id: 'plain', image: 'docker.io/library/busybox:1.36' },
    named: { id: 'named', labels: { 'nerdctl/name': 'nice' } },
  },
  'k8s.io': {
    sandbox: { id: 'sandbox', labels: { ...kubelets, 'io.cri-containerd.kind': 'sandbox' } },
    unlabelled: { id: 'unlabelled' },
    init: { id: 'init', labels: { ...kubelets, 'io.cri-containerd.kind': 'container' } },
  },
};
const own: RuntimeScript = {
  Namespaces: () => ({ namespaces: Object.keys(stored).map((name) => ({ name })) }),
  Get: ({ id }, metadata) => {
    const container = stored[String(metadata.get('containerd-namespace')[0])]?.[String(id)];
    return container ? { container } : { code: status.NOT_FOUND };
  },
  List: (_, metadata) => ({ containers: Object.values(stored[String(metadata.get('containerd-namespace')[0])] ?? {}) }),
};

async function start(
  t: ExecutionContext,
  script: RuntimeScript,
  options: Partial<CriRuntimeOptions> = {},
  streams: RuntimeStreams = {},
) {
  const socket = join(temporaryDirectory(t), 'runtime.sock');
  const server = await startRuntimeServer(socket, script, streams);
  t.teardown(() => server.stop());
  const end = new AbortController();
  t.teardown(() => end.abort());
  const runtime = createCriRuntime({ name: 'containerd', socket, labels: ['team'], ...options });
  return { runtime, server, find: (id: string) => runtime.find(id, end.signal), end };
}

test('a container of a pod is named by the runtime interface, with the labels that were asked for', async (t) => {
  const { find } = await start(t, { ...cri, ...own });
  t.deepEqual(await find(ID), {
    container: {
      runtime: 'containerd',
      name: 'web',
      imageName: 'registry:5000/web',
      imageTags: ['1.2'],
      labels: { team: 'blue' },
      podContainerName: 'web',
    },
    pod: { uid: 'u', name: 'web-0', namespace: 'shop' },
  });
});

test("what the runtime interface doesn't know is asked of containerd itself", async (t) => {
  const { find } = await start(t, { ...cri, ...own });
  const plain = await find('plain');
  t.like(plain?.container, { name: 'plain', imageName: 'docker.io/library/busybox', imageTags: ['1.36'] });
  t.is(plain?.pod, undefined);
  t.is((await find('named'))?.container.name, 'nice');
  t.is(await find('nobody'), undefined);
  t.is(await find('sandbox'), undefined, 'it only holds the namespaces of a pod');
});

test('where the runtime interface is turned off, the labels of the kubelet name the pod', async (t) => {
  const { find } = await start(t, own);
  t.like(await find('init'), {
    container: { name: 'init', podContainerName: 'init' },
    pod: { uid: 'u', name: 'web-0', namespace: 'shop' },
  });
});

test('a runtime that has neither interface has no container', async (t) => {
  const { find } = await start(t, {});
  t.is(await find(ID), undefined);
});

test('CRI-O is not asked for the interface of containerd', async (t) => {
  const { find, server } = await start(t, { ...cri, ...own }, { name: 'cri-o' });
  t.is((await find(ID))?.container.runtime, 'cri-o');
  t.is(await find('plain'), undefined);
  t.false(server.calls.includes('Get'));
});

test('containerd tells of those that are there and those that come, each with its name', async (t) => {
  const { runtime, server, end } = await start(t, { ...cri, ...own });
  const found = new Map<string, Found>();
  const connected = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const watched = runtime.watch(
    {
      onConnected: connected.resolve,
      onFound(id, what) {
        found.set(id, what);
        if (found.has(ID) && found.get('plain') !== first) all.resolve();
      },
    },
    end.signal,
  );
  let first: Found | undefined;
  await connected.promise;
  t.deepEqual([...found.keys()], ['plain', 'named']);
  first = found.get('plain');
  server.publish({ namespace: 'default', topic: '/containers/create', id: 'plain' });
  server.publish({ namespace: 'k8s.io', topic: '/containers/create', id: ID });
  server.publish({ namespace: 'k8s.io', topic: '/tasks/start', id: ID });
  server.publish({ namespace: 'default', topic: '/containers/create', id: 'gone' });
  await all.promise;
  t.is(found.get(ID)?.pod?.name, 'web-0');
  t.false(found.has('gone'));
  end.abort();
  await t.notThrowsAsync(watched);
});

/** What the interface tells of a container and one that is beside it in its pod. */
const event = (id: string, ...others: string[]) => ({
  container_id: id,
  container_event_type: 1,
  created_at: 1_700_000_000_000_000_000,
  pod_sandbox_status: { id: 'p', metadata: { name: 'job-0', uid: 'u', namespace: 'batch', attempt: 1 } },
  containers_statuses: [id, ...others].map((one) => ({
    id: one,
    created_at: 1,
    metadata: { name: `name of ${one}`, attempt: 2 },
    image: { image: 'registry:5000/job:7' },
    labels: { team: 'red', other: 'x' },
  })),
});

/** Watches until something was found that `enough` is content with, and all that was found by then. */
async function foundBy(
  { runtime, end }: Awaited<ReturnType<typeof start>>,
  onConnected: () => void,
  enough: (id: string) => boolean,
) {
  const found: [string, Found][] = [];
  const all = Promise.withResolvers<void>();
  const watched = runtime.watch(
    {
      onConnected,
      onFound(id, what) {
        found.push([id, what]);
        if (enough(id)) all.resolve();
      },
    },
    end.signal,
  );
  await Promise.race([all.promise, watched]);
  end.abort();
  await watched;
  return found;
}

test('containerd tells of a container of a pod when it is created, before the runtime interface has it', async (t) => {
  const started = await start(t, { ...cri, ...own });
  const publish = () => {
    for (const id of ['sandbox', 'unlabelled', 'init'])
      started.server.publish({ namespace: 'k8s.io', topic: '/containers/create', id });
  };
  const found = await foundBy(started, publish, (id) => id === 'init');
  t.deepEqual(
    found.map(([id]) => id),
    ['plain', 'named', 'init'],
  );
  t.like(found.at(-1)?.[1], { container: { name: 'init' }, pod: { uid: 'u', name: 'web-0', namespace: 'shop' } });
});

test('CRI-O tells of a container by the events of the interface, and nothing more has to be asked', async (t) => {
  const started = await start(t, { Version: cri.Version as never }, { name: 'cri-o' }, { own: false, cri: true });
  const { server } = started;
  const publish = () => {
    server.publishCri({ ...event('p'), containers_statuses: [] });
    server.publishCri(event('short', 'neighbour'));
  };
  const found = await foundBy(started, () => void server.subscribed().then(publish), Boolean);
  t.deepEqual(found, [
    [
      'short',
      {
        container: {
          runtime: 'cri-o',
          name: 'name of short',
          imageName: 'registry:5000/job',
          imageTags: ['7'],
          labels: { team: 'red' },
          podContainerName: 'name of short',
        },
        pod: { uid: 'u', name: 'job-0', namespace: 'batch' },
      },
    ],
  ]);
  t.deepEqual([...new Set(server.calls)], ['Version']);
});

test('containerd is asked for its own events, and for those of the interface only where it has no others', async (t) => {
  const both = await start(t, { ...cri, ...own }, {}, { own: true, cri: true });
  const twice = () => {
    both.server.publishCri(event('by the interface'));
    both.server.publish({ namespace: 'default', topic: '/containers/create', id: 'plain' });
    both.server.publish({ namespace: 'k8s.io', topic: '/tasks/start', id: ID });
  };
  const ids = (await foundBy(both, twice, (id) => id === ID)).map(([id]) => id);
  t.false(ids.includes('by the interface'));

  const one = await start(t, cri, {}, { own: false, cri: true });
  const publish = () => void one.server.subscribed().then(() => one.server.publishCri(event('by the interface')));
  const [first] = await foundBy(one, publish, Boolean);
  t.is(first?.[0], 'by the interface');
});

test('a runtime without events, or that ends them in order, is still watched for its end', async (t) => {
  for (const streams of [{ cri: false }, { cri: true }]) {
    const { runtime, server, end } = await start(t, cri, { name: 'cri-o', interval: 10 }, streams);
    const looks = Promise.withResolvers<void>();
    const watched = runtime.watch({ onConnected: looks.resolve, onFound: () => undefined }, end.signal);
    await looks.promise;
    if (streams.cri) await server.subscribed();
    server.endCri();
    const before = server.calls.length;
    await eventually(
      'look',
      () => server.calls.length,
      (count) => count > before + 1,
    );
    server.stop();
    await t.throwsAsync(
      inTime(watched, () => 'no end'),
      { instanceOf: CallError },
    );
  }
});

test('events that cannot be read end the watch with an error', async (t) => {
  const { runtime, server, end } = await start(t, cri, { name: 'cri-o' }, { cri: true });
  const watched = runtime.watch({ onConnected: () => undefined, onFound: () => undefined }, end.signal);
  await server.subscribed();
  server.publishCri(Uint8Array.of(0x0a, 0xff));
  t.is((await t.throwsAsync(watched, { instanceOf: CallError }))?.kind, 'malformed');
});

test('a watch ends with an error when the runtime does', async (t) => {
  keepAlive(t);
  for (const name of ['containerd', 'cri-o'] as const) {
    const { runtime, server, end } = await start(t, { ...cri, ...own }, { name, interval: 10 });
    const connected = Promise.withResolvers<void>();
    const watched = runtime.watch({ onConnected: connected.resolve, onFound: () => undefined }, end.signal);
    await connected.promise;
    server.stop();
    await t.throwsAsync(watched, undefined, name);
  }
});

test('the usual places are looked at below the root of the host, or only what the user names', (t) => {
  const sockets = findCriSockets([], '/host');
  t.true(sockets.every(({ socket }) => socket.startsWith('/host/')));
  t.deepEqual([...new Set(sockets.map(({ name }) => name))], ['containerd', 'cri-o', 'docker']);
  t.deepEqual(findCriSockets(['/run/my/crio.sock', '/x/any.sock'], '/host'), [
    { socket: '/run/my/crio.sock', name: 'cri-o' },
    { socket: '/x/any.sock', name: 'containerd' },
  ]);
});
