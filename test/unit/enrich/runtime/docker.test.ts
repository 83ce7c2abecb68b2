/** Docker's interface, on a socket whose other end does what the test says, garbage included. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createDocker } from '../../../../src/enrich/runtime/docker.ts';
import type { Found } from '../../../../src/enrich/runtime/runtime.ts';
import { type Answer, DockerServer } from '../../../support/docker-server.ts';
import { inTime } from '../../../support/processes.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const id = '4f6d2a9b'.repeat(8);

async function serve(t: ExecutionContext, labels: readonly string[] = []) {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const server = await DockerServer.start(socket);
  t.teardown(() => server.stop());
  return { server, socket, docker: createDocker({ name: 'docker', socket, labels, patience: 10_000 }) };
}

const open = () => new AbortController().signal;

/** What is told until so many containers were. */
function listen(t: ExecutionContext, docker: ReturnType<typeof createDocker>, most: number) {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const told: [string, Found][] = [];
  const enough = Promise.withResolvers<void>();
  const ended = docker.watch(
    {
      onConnected: () => {},
      onFound: (container, found) => told.push([container, found]) >= most && enough.resolve(),
    },
    stop.signal,
  );
  ended.catch(() => {});
  return { told, enough: enough.promise, ended, stop };
}

test('name, image, tags, labels that were asked for, Compose', async (t) => {
  const { server, docker } = await serve(t, ['tier', 'org.example.team', 'absent']);
  server.container(id, 'shop-web-1', 'registry.local:5000/shop/web:1.2', {
    tier: 'front',
    'org.example.team': 'größe',
    secret: 'not asked for',
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': 'web',
  });
  t.deepEqual((await docker.find(id, open()))?.container, {
    runtime: 'docker',
    name: 'shop-web-1',
    imageName: 'registry.local:5000/shop/web',
    imageTags: ['1.2'],
    labels: { tier: 'front', 'org.example.team': 'größe' },
    composeProject: 'shop',
    composeService: 'web',
    podContainerName: undefined,
  });
});

test('an image without a tag gets none, one that is a bare id has no name', async (t) => {
  const { server, docker } = await serve(t);
  server.container(id, 'a', 'busybox');
  t.like(await docker.find(id, open()), { container: { imageName: 'busybox', imageTags: [] } });
  server.container(id, 'a', `sha256:${id}`);
  t.is((await docker.find(id, open()))?.container.imageName, undefined);
});

test('a container of a pod that Docker runs for Kubernetes', async (t) => {
  const { server, docker } = await serve(t);
  server.container(id, 'k8s_web_web-0_shop', 'web', {
    'io.kubernetes.container.name': 'web',
    'io.kubernetes.pod.name': 'web-0',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': 'u-1',
  });
  const found = await docker.find(id, open());
  t.deepEqual(found?.pod, { uid: 'u-1', name: 'web-0', namespace: 'shop' });
  t.is(found?.container.podContainerName, 'web');
});

test('what it does not have is undefined', async (t) => {
  const { docker } = await serve(t);
  t.is(await docker.find(id, open()), undefined);
});

const garbage: Readonly<Record<string, string>> = {
  'no JSON': '<html>',
  'JSON that breaks off': '{"Name":"/a"',
  'another kind of JSON': '[1]',
  null: 'null',
  nothing: '',
};

for (const [what, text] of Object.entries(garbage))
  test(`an answer of ${what} is an error`, async (t) => {
    const { server, docker } = await serve(t);
    server.answers.set(`/containers/${id}/`, (response) => response.end(text));
    await t.throwsAsync(docker.find(id, open()));
  });

test('fields of other types than expected are absent', async (t) => {
  const { server, docker } = await serve(t, ['tier']);
  const odd = { Name: 7, Config: { Image: ['x'], Labels: { tier: { a: 1 } } } };
  server.answers.set(`/containers/${id}/`, (response) => response.end(JSON.stringify(odd)));
  t.deepEqual((await docker.find(id, open()))?.container, {
    runtime: 'docker',
    name: undefined,
    composeProject: undefined,
    composeService: undefined,
    podContainerName: undefined,
  });
});

test('an error of the server is one, and says its status', async (t) => {
  const { server, docker } = await serve(t);
  server.answers.set(`/containers/${id}/`, (response) => response.writeHead(500).end('{}'));
  await t.throwsAsync(docker.find(id, open()), { message: /500/ });
});

test('an answer without end is not taken', async (t) => {
  const { server, docker } = await serve(t);
  server.answers.set(`/containers/${id}/`, (response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(1 << 20)));
      response.once('drain', more);
    };
    more();
  });
  await t.throwsAsync(docker.find(id, open()), { message: /more than/ });
});

test('a connection that breaks off is an error, and so is nobody behind the socket', async (t) => {
  const { server, socket, docker } = await serve(t);
  server.answers.set(`/containers/${id}/`, (response) => response.destroy());
  await t.throwsAsync(docker.find(id, open()));
  const nobody = createDocker({ name: 'docker', socket: `${socket}.gone`, labels: [] });
  await t.throwsAsync(nobody.find(id, open()), { code: 'ENOENT' });
});

test('one that never answers is given up, for a question and for events', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const silent = createServer(() => {}).listen(socket);
  t.teardown(() => silent.close());
  const docker = createDocker({ name: 'docker', socket, labels: [], patience: 50 });
  await t.throwsAsync(docker.find(id, open()), { message: /no answer/ });
  await t.throwsAsync(docker.watch({ onConnected: () => t.fail(), onFound: () => t.fail() }, open()), {
    message: /no answer/,
  });
});

test('one that begins an answer and never ends it is given up, for a question and for the list', async (t) => {
  const { server, socket } = await serve(t);
  const drip: Answer = (response) => void response.write('[');
  server.answers.set('/containers/json', drip);
  server.answers.set(`/containers/${id}/`, drip);
  const docker = createDocker({ name: 'docker', socket, labels: [], patience: 1_000 });
  await t.throwsAsync(
    inTime(docker.find(id, open()), () => 'nothing'),
    { message: /no whole answer within 1 s/ },
  );
  const watched = docker.watch({ onConnected: () => undefined, onFound: () => t.fail() }, open());
  await t.throwsAsync(
    inTime(watched, () => 'nothing'),
    { message: /no whole answer within 1 s/ },
  );
});

test('a question that is called off ends', async (t) => {
  const { server, docker } = await serve(t);
  const stop = new AbortController();
  server.answers.set(`/containers/${id}/`, () => stop.abort());
  await t.throwsAsync(docker.find(id, stop.signal), { name: 'AbortError' });
});

test('those that run already are told of at first, with the names that are their own', async (t) => {
  const { server, docker } = await serve(t, ['tier']);
  const listed = [
    { Id: 'a', Names: ['/web/db', '/db'], Image: 'postgres:17', Labels: { tier: 'back' } },
    { Id: 'image-by-id', Names: ['/x'], Image: `sha256:${id}` },
    { Names: ['/no-id'], Image: 'x' },
    'nonsense',
  ];
  server.answers.set('/containers/json', (response) => response.end(JSON.stringify(listed)));
  const { told, enough } = listen(t, docker, 1);
  await enough;
  t.deepEqual(
    told.map(
      ([
        container,
        {
          container: { name, imageName, labels },
        },
      ]) => [container, name, imageName, labels],
    ),
    [['a', 'db', 'postgres', { tier: 'back' }]],
  );
});

test('events name a container before anybody asks, also in pieces, several at once, and with nonsense between', async (t) => {
  const { server, docker } = await serve(t, ['tier']);
  const { told, enough } = listen(t, docker, 3);
  await server.heard;
  server.event('create', 'a', { name: 'short', image: 'busybox:1', tier: 'x', 'com.docker.compose.service': 'job' });
  const [one, two] = ['b', 'c'].map((name) => JSON.stringify({ Actor: { ID: name, Attributes: { name } } }));
  server.raw(`{}\n{"Actor":7}\n\n${one}\n${two?.slice(0, 10)}`);
  server.raw(`${two?.slice(10)}\n`);
  await enough;
  t.deepEqual(
    told.map(([container]) => container),
    ['a', 'b', 'c'],
  );
  t.like(told[0]?.[1].container, {
    name: 'short',
    imageName: 'busybox',
    imageTags: ['1'],
    labels: { tier: 'x' },
    composeService: 'job',
  });
  t.true(server.asked.some((path) => path.startsWith('/events?')));
});

test('events that are no JSON, or without end, end the watch with an error', async (t) => {
  for (const text of ['garbage\n', 'x'.repeat(2 << 20)]) {
    const { server, docker } = await serve(t);
    const { ended } = listen(t, docker, 1);
    await server.heard;
    server.raw(text);
    await t.throwsAsync(ended);
  }
});

test('a daemon that goes ends the watch; nothing stays open', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const server = await DockerServer.start(socket);
  const { ended } = listen(t, createDocker({ name: 'docker', socket, labels: [] }), 1);
  await server.heard;
  await server.stop();
  await t.throwsAsync(ended);
});
