import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createCri } from '../../../../src/enrich/runtime/cri.ts';
import { CallError } from '../../../../src/enrich/runtime/grpc.ts';
import { settled } from '../../../support/processes.ts';
import { type RuntimeScript, startRuntimeServer } from '../../../support/runtime-server.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const ID = 'a'.repeat(64);
const web = {
  id: ID,
  pod_sandbox_id: 'p'.repeat(64),
  metadata: { name: 'web', attempt: 3 },
  image: { image: `sha256:${'0'.repeat(64)}` },
  created_at: 1_700_000_000_000_000_000,
  labels: { 'io.kubernetes.container.name': 'web' },
};
const healthy: RuntimeScript = {
  Version: () => ({
    version: '0.1.0',
    runtime_name: 'containerd',
    runtime_version: 'v2.1.0',
    runtime_api_version: 'v1',
  }),
  ListContainers: () => ({ containers: [{ ...web, id: `${ID}b` }, web] }),
  ContainerStatus: () => ({ status: { id: ID, odd: 7, image: { image: 'registry.local:5000/shop/web:1.2' } } }),
  PodSandboxStatus: ({ id }) => ({
    status: {
      id,
      metadata: { name: 'web-0', uid: 'u-1', namespace: 'shop', attempt: 0 },
      labels: { app: 'shop' },
      annotations: { team: 'blue' },
    },
  }),
};

/** A client of a server that answers by `script`. */
async function start(t: ExecutionContext, script: RuntimeScript, deadline = 5_000) {
  const socket = join(temporaryDirectory(t), 'cri.sock');
  const server = await startRuntimeServer(socket, script);
  const client = createCri(socket, deadline);
  t.teardown(() => {
    client.close();
    server.stop();
  });
  return { client, server, socket };
}

async function failure(t: ExecutionContext, script: RuntimeScript, deadline?: number): Promise<CallError['kind']> {
  const { client } = await start(t, { ...healthy, ...script }, deadline);
  const error = await t.throwsAsync(client.find(ID), { instanceOf: CallError });
  return (error as CallError).kind;
}

test('a container comes with its pod, and with the image that the status names', async (t) => {
  const { client, server } = await start(t, healthy);
  t.deepEqual(await client.find(ID), {
    id: ID,
    name: 'web',
    image: 'registry.local:5000/shop/web:1.2',
    labels: new Map([['io.kubernetes.container.name', 'web']]),
    pod: {
      uid: 'u-1',
      name: 'web-0',
      namespace: 'shop',
      labels: new Map([['app', 'shop']]),
      annotations: new Map([['team', 'blue']]),
    },
  });
  t.deepEqual(server.calls.toSorted(), ['ContainerStatus', 'ListContainers', 'PodSandboxStatus']);
});

test('the runtime is asked for that container only, and one whose id only begins so is not taken', async (t) => {
  const asked: unknown[] = [];
  const ListContainers = (request: Record<string, unknown>) => {
    asked.push(request.filter);
    return { containers: [{ ...web, id: `${ID}b` }] };
  };
  const { client } = await start(t, { ...healthy, ListContainers });
  t.is(await client.find(ID), undefined);
  t.deepEqual(asked, [{ id: ID }]);
});

test('the image that was asked for comes before the one that it was resolved to', async (t) => {
  const image = { image: `sha256:${'0'.repeat(64)}`, user_specified_image: 'nginx:1.27' };
  const { client } = await start(t, { ...healthy, ContainerStatus: () => ({ status: { image } }) });
  t.is((await client.find(ID))?.image, 'nginx:1.27');
});

test('of a container that ended between two questions, the first answer is kept', async (t) => {
  const gone = () => ({ code: status.NOT_FOUND });
  const { client } = await start(t, { ...healthy, ContainerStatus: gone, PodSandboxStatus: gone });
  const found = await client.find(ID);
  t.is(found?.name, 'web');
  t.is(found?.pod, undefined);
});

test('the runtime says its name and version', async (t) => {
  const { client } = await start(t, healthy);
  t.deepEqual(await client.version(), { name: 'containerd', version: 'v2.1.0' });
});

test('a runtime without runtime.v1 is unbuilt, one that refuses is refused', async (t) => {
  const { client } = await start(t, {});
  const error = await t.throwsAsync(client.version(), { instanceOf: CallError });
  t.is((error as CallError).kind, 'unbuilt');
  t.is(await failure(t, { ListContainers: () => ({ code: status.PERMISSION_DENIED }) }), 'refused');
  t.is(await failure(t, { PodSandboxStatus: () => ({ code: status.UNKNOWN, details: 'x'.repeat(5_000) }) }), 'other');
});

test('an answer that never comes is late, not waited for', async (t) => {
  t.is(await failure(t, { ContainerStatus: () => 'hang' }, 200), 'late');
});

test('no answer makes it crash: each cut of a good one, and bytes by chance, are an answer or malformed', async (t) => {
  let bytes = Buffer.alloc(0);
  const { client } = await start(t, { ...healthy, ListContainers: () => bytes });
  const good = Buffer.from(`0a4a0a40${Buffer.from(ID).toString('hex')}1a060a0477656220`, 'hex');
  for (let length = 0; length <= good.length; length++) {
    bytes = good.subarray(0, length);
    await client.find(ID).catch((error) => t.is((error as CallError).kind, 'malformed'));
  }
  for (let round = 0; round < 300; round++) {
    bytes = randomBytes(round % 64);
    await client.find(ID).catch((error) => t.is((error as CallError).kind, 'malformed', bytes.toString('hex')));
  }
  bytes = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  t.is((await client.find(ID).catch((error) => error as CallError))?.constructor, CallError);
});

test('an answer of nothing but empty containers is not taken: two bytes would become some hundred', async (t) => {
  const flood = Buffer.alloc(2 * 65_536, Buffer.from([0x0a, 0x00]));
  t.is(await failure(t, { ListContainers: () => flood }), 'malformed');
});

test('a socket that nobody listens on, and one that speaks something else, are told within the deadline', async (t) => {
  const directory = temporaryDirectory(t);
  const nobody = createCri(join(directory, 'absent.sock'), 1_000);
  const web = join(directory, 'web.sock');
  const open = new Set<Socket>();
  const server = createServer((connection) => {
    open.add(connection);
    connection.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n<html>');
  });
  await new Promise<void>((resolve) => server.listen(web, resolve));
  const other = createCri(web, 1_000);
  t.teardown(() => {
    nobody.close();
    other.close();
    for (const connection of open) connection.destroy();
    server.close();
  });
  for (const client of [nobody, other]) await t.throwsAsync(client.version(), { instanceOf: CallError });
});

test('a runtime that was killed is found again on the same socket', async (t) => {
  const { client, server, socket } = await start(t, healthy);
  t.truthy(await client.find(ID));
  server.stop();
  await t.throwsAsync(client.find(ID), { instanceOf: CallError });
  const second = await startRuntimeServer(socket, healthy);
  t.teardown(() => second.stop());
  const find = () => client.find(ID).catch(() => undefined);
  const found = await settled(find, (answer) => answer !== undefined);
  t.is(found?.name, 'web');
});
