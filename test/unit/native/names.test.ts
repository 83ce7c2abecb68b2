/** The C library learns the names of containers from runtimes, whatever these say. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildNames } from '../../support/c-library.ts';
import { DockerServer } from '../../support/docker-server.ts';
import { result } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const program = buildNames();

const NOBODY = '/nonexistent';

/** `container|pod|namespace` of each id. */
async function ask(t: ExecutionContext, docker: string, containerd: string, ...ids: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await result(
    spawn(program, [docker, containerd, ...ids], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  t.is(stderr, '');
  t.is(code, 0);
  return stdout.trimEnd().split('\n');
}

async function dockerServer(t: ExecutionContext): Promise<{ docker: DockerServer; socket: string }> {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const docker = await DockerServer.start(socket);
  t.teardown(() => docker.stop());
  return { docker, socket };
}

const inKubernetes = {
  'io.kubernetes.container.name': 'web',
  'io.kubernetes.pod.name': 'web-0',
  'io.kubernetes.pod.namespace': 'shop',
};

test('Docker says the name, and which pod it is when Kubernetes made it; each is asked for once', async (t) => {
  const { docker, socket } = await dockerServer(t);
  docker.container('aa11', 'shop', 'x:1');
  docker.container('bb22', 'k8s_web_web-0_shop_1_0', 'x:1', inKubernetes);
  const lines = await ask(t, socket, NOBODY, 'aa11', 'bb22', 'aa11', 'bb22');
  t.deepEqual(lines, ['shop||', 'web|web-0|shop', 'shop||', 'web|web-0|shop']);
  t.deepEqual(docker.asked, ['/containers/aa11/json', '/containers/bb22/json']);
});

test('a container that is not known is asked for again', async (t) => {
  const { docker, socket } = await dockerServer(t);
  t.deepEqual(await ask(t, socket, NOBODY, 'cc33', 'cc33'), ['||', '||']);
  t.is(docker.asked.length, 2);
});

test('nobody is there to ask', async (t) => {
  t.deepEqual(await ask(t, NOBODY, NOBODY, 'aa11'), ['||']);
});

for (const [what, answer] of Object.entries({
  'no JSON': '{"Name":',
  'a list': '[1,2]',
  'a name that is no text': '{"Name":{"a":1},"Config":{"Labels":[]}}',
  'labels that are no texts': '{"Config":{"Labels":{"io.kubernetes.container.name":7}}}',
  nothing: '',
  'nesting without an end': '['.repeat(20_000),
}))
  test(`an answer with ${what} is no name`, async (t) => {
    const { docker, socket } = await dockerServer(t);
    docker.answers.set('/containers/aa11/', (response) => response.end(answer));
    docker.container('bb22', 'shop', 'x:1');
    t.deepEqual(await ask(t, socket, NOBODY, 'aa11', 'bb22'), ['||', 'shop||']);
  });

test('an answer that ends anywhere is no name', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  const answer = 'HTTP/1.0 200 OK\r\nA: b\r\n\r\n{"Name":"/shop"}';
  // First the one that is hardest to read; a machine that is busy may not get to all of them.
  const lengths = [7, ...Array.from({ length: answer.length }, (_, length) => length)];
  const asked = lengths.values();
  const server = createServer((connection) => {
    connection.on('error', () => undefined).resume();
    connection.end(answer.slice(0, asked.next().value ?? 0));
  }).listen(socket);
  t.teardown(() => server.close());
  const names = await ask(t, socket, NOBODY, ...lengths.map((_, number) => `a${number}`));
  t.deepEqual(
    names,
    lengths.map(() => '||'),
  );
});

test('who floods is cut off', async (t) => {
  const { docker, socket } = await dockerServer(t);
  docker.answers.set('/containers/aa11/', (response) => response.end('x'.repeat(6 * 2 ** 20)));
  t.deepEqual(await ask(t, socket, NOBODY, 'aa11'), ['||']);
});

test('who does not answer is let alone for a while', async (t) => {
  const socket = join(temporaryDirectory(t), 'docker.sock');
  let asked = 0;
  const server = createServer((connection) => {
    asked++;
    connection.on('error', () => undefined).resume();
  }).listen(socket);
  t.teardown(() => server.close());
  t.deepEqual(await ask(t, socket, NOBODY, 'aa11', 'bb22', 'cc33'), ['||', '||', '||']);
  t.is(asked, 1);
});

test('an id that is no id goes into no path and no request', async (t) => {
  const { docker, socket } = await dockerServer(t);
  const ids = ['', '..', '../aa11', 'a/b', 'a b', 'a\r\nX: y', 'ä'];
  t.deepEqual(
    await ask(t, socket, NOBODY, ...ids),
    ids.map(() => '||'),
  );
  t.deepEqual(docker.asked, []);
});

test('containerd wrote it down', async (t) => {
  const state = temporaryDirectory(t);
  const write = (id: string, text: string) => {
    const bundle = join(state, 'io.containerd.runtime.v2.task/k8s.io', id);
    mkdirSync(bundle, { recursive: true });
    writeFileSync(join(bundle, 'config.json'), text);
  };
  const annotations = {
    'io.kubernetes.cri.container-name': 'web',
    'io.kubernetes.cri.sandbox-name': 'web-0',
    'io.kubernetes.cri.sandbox-namespace': 'shop',
  };
  write('aa11', JSON.stringify({ ociVersion: '1.1.0', annotations }));
  write('bb22', JSON.stringify({ ociVersion: '1.1.0' }));
  write('cc33', '{"annotations":{"io.kubernetes.cri.container-name":');
  t.deepEqual(await ask(t, NOBODY, state, 'aa11', 'bb22', 'cc33', 'dd44'), ['web|web-0|shop', '||', '||', '||']);
});
