/** Names of containers of a real Docker, on both ends of what they say to each other, through its restarts. */
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, startAgent } from '../support/agent.ts';
import { buildNames } from '../support/c-library.ts';
import { Dockerd, IMAGE } from '../support/dockerd.ts';
import { Namespace } from '../support/netns.ts';
import { tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const PORT = 8080;
const PUBLISHED = 18080;
const SERVE = `exec nc -ll -p ${PORT} -e cat`;

let netns: Namespace;
let directory: string;
let dockerd: Dockerd;
let agent: Agent;

test.before(async () => {
  netns = await Namespace.create();
  directory = sharedDirectory();
  dockerd = new Dockerd(directory, netns);
  await dockerd.start();
  await dockerd.importImage();
  const options = ['--docker-socket', dockerd.socket, '--container-labels', 'tier', '--container-wait', '30s'];
  agent = await startAgent(['--format', 'json', '--events', 'close,failed', ...options]);
  for (const network of ['front', 'back']) await dockerd.docker('network', 'create', network);
  const compose = ['com.docker.compose.project=shop', 'com.docker.compose.service=web', 'tier=front'];
  const labels = compose.flatMap((label) => ['--label', label]);
  await dockerd.run('web', SERVE, '--network', 'front', '--publish', `${PUBLISHED}:${PORT}`, ...labels);
  await dockerd.docker('network', 'connect', 'back', 'web');
});

test.after.always(() =>
  tearDown(
    () => agent?.stop(),
    () => dockerd?.stop(),
    () => netns?.close(),
    () => removeDirectory(directory),
  ),
);

const call = (address: string, port = PORT) => `echo hello | nc ${address} ${port}`;

const nameOf = (record: JsonRecord) => attribute(record, 'container.name');

/** Ends of connections whose client is the container of this name, in their order. */
function clientsNamed(name: string): JsonRecord[] {
  return ends(agent.records()).filter(
    (record) => nameOf(record) === name && attribute(record, 'sockflow.connection.role') === 'client',
  );
}

function otherEnd(record: JsonRecord): JsonRecord | undefined {
  const id = attribute(record, 'sockflow.connection.id');
  return ends(agent.records()).find((other) => other !== record && attribute(other, 'sockflow.connection.id') === id);
}

/** Waits for both ends of a connection of a client. */
async function conversation(name: string, count = 1): Promise<{ client: JsonRecord; server: JsonRecord }> {
  const found = () => {
    const client = clientsNamed(name)[count - 1];
    const server = client && otherEnd(client);
    return client && server && { client, server };
  };
  await agent.waitFor(`connection ${count} of ${name}`, () => found() !== undefined);
  return found() as NonNullable<ReturnType<typeof found>>;
}

const web = {
  'container.name': 'web',
  'container.runtime.name': 'docker',
  'container.image.name': IMAGE.slice(0, IMAGE.lastIndexOf(':')),
  'container.image.tags': ['1.2'],
  'container.label.tier': 'front',
  'sockflow.container.compose.project': 'shop',
  'sockflow.container.compose.service': 'web',
};

test.serial(
  'both ends of what two containers say to each other have their names, on either of two networks',
  async (t) => {
    for (const network of ['front', 'back']) {
      const address = await dockerd.address('web', network);
      const id = await dockerd.run(`client-${network}`, call(address), '--network', network);
      const { client, server } = await conversation(`client-${network}`);
      t.like(server.resource, web);
      t.is(client.resource['container.id'], id);
      t.is(attribute(client, 'network.peer.address'), address);
    }
  },
);

test.serial('the C library has the names, too', async (t) => {
  const id = await dockerd.docker('inspect', '--format', '{{.Id}}', 'web');
  t.is(execFileSync(buildNames(), [dockerd.socket, '/nonexistent', id], { encoding: 'utf8' }), 'web||\n');
});

test.serial('a published port by address translation is one connection, by the proxy two', async (t) => {
  const gateway = await dockerd.docker('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', 'front');
  const program = ['-c', call(gateway, PUBLISHED)];
  await netns.run('busybox', ['sh', ...program]);
  const published = (record: JsonRecord) =>
    attribute(record, 'server.port') === PUBLISHED && attribute(record, 'process.executable.name') === 'busybox';
  const all = () => ends(agent.records()).filter(published);
  await agent.waitFor('end of the caller', () => all().some((record) => otherEnd(record)));
  const server = all().map(otherEnd).find(Boolean);
  t.like(server?.resource, web);

  await netns.run('busybox', ['sh', '-c', call('127.0.0.1', PUBLISHED)]);
  const proxied = () =>
    ends(agent.records()).filter(
      (record) =>
        attribute(record, 'process.executable.name') === 'docker-proxy' &&
        attribute(record, 'sockflow.connection.role') === 'client',
    );
  await agent.waitFor('end of the proxy', () => proxied().some((record) => otherEnd(record)));
  const [proxy] = proxied();
  t.false('container.id' in (proxy?.resource ?? {}), 'the proxy is outside');
  t.like(proxy && otherEnd(proxy)?.resource, web);
});

test.serial('what is executed in a container is of that container', async (t) => {
  const id = await dockerd.run('idle', 'exec sleep 10000', '--network', 'front');
  const address = await dockerd.address('web', 'front');
  await dockerd.docker('exec', 'idle', '/bin/sh', '-c', call(address));
  const { client } = await conversation('idle');
  t.is(client.resource['container.id'], id);
});

test.serial(
  'after a restart it is the same container, and after a change of its name it has the new one',
  async (t) => {
    await dockerd.docker('restart', '--time', '0', 'idle');
    const address = await dockerd.address('web', 'front');
    await dockerd.docker('exec', 'idle', '/bin/sh', '-c', call(address));
    await conversation('idle', 2);
    await dockerd.docker('rename', 'idle', 'renamed');
    await dockerd.docker('exec', 'renamed', '/bin/sh', '-c', call(address));
    const { client } = await conversation('renamed');
    t.is(client.resource['container.id'], await dockerd.docker('inspect', '--format', '{{.Id}}', 'renamed'));
  },
);

test.serial('containers that live for one connection only, and are removed at their end, are all named', async (t) => {
  const address = await dockerd.address('web', 'front');
  const names = Array.from({ length: 20 }, (_, number) => `short-${number}`);
  for (const name of names) {
    const run = ['run', '--rm', '--name', name, '--network', 'front', IMAGE, '/bin/sh', '-c', call(address)];
    await dockerd.docker(...run);
  }
  for (const name of names) t.is(nameOf((await conversation(name)).server), 'web');
});

test.serial('with the daemon killed the names stay, and when it is back new ones come', async (t) => {
  const address = await dockerd.address('web', 'front');
  const forever = `while true; do ${call(address)}; sleep 0.2; done`;
  await dockerd.run('steady', forever, '--network', 'front');
  await conversation('steady');
  await dockerd.kill();
  const before = clientsNamed('steady').length;
  await conversation('steady', before + 3);
  await dockerd.start();
  await dockerd.run('after', call(address), '--network', 'front');
  const { server } = await conversation('after');
  t.like(server.resource, web);
  t.true(agent.running);
});

test.serial('no record went without a name that could be had', async (t) => {
  const { summary, code } = await agent.stop();
  t.is(code, 0);
  t.notRegex(summary, /without their container's name/);
});
