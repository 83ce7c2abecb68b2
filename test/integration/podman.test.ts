/** Names of containers of a real Podman, by its events and by asking it, with its service killed and back. */
import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, startAgent } from '../support/agent.ts';
import { Namespace } from '../support/netns.ts';
import { IMAGE, Podman } from '../support/podman.ts';
import { settled, tearDown } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';

const PORT = 8081;
const CALL = `echo hello | nc 127.0.0.1 ${PORT}`;

let netns: Namespace;
let directory: string;
let podman: Podman;
let agent: Agent;

test.before(async () => {
  netns = await Namespace.create();
  directory = sharedDirectory();
  podman = await Podman.start(directory, netns);
  podman.serve();
  const options = ['--docker-socket', podman.socket, '--container-labels', 'tier', '--container-wait', '30s'];
  agent = await startAgent(['--format', 'json', '--events', 'close,failed', ...options]);
});

test.after.always(() =>
  tearDown(
    () => agent?.stop(),
    () => podman?.stop(),
    () => netns?.close(),
    () => removeDirectory(directory),
  ),
);

async function end(name: string, role: 'client' | 'server'): Promise<JsonRecord> {
  const found = () =>
    ends(agent.records()).find(
      (record) =>
        attribute(record, 'container.name') === name && attribute(record, 'sockflow.connection.role') === role,
    );
  await agent.waitFor(`end of ${name}`, () => found() !== undefined);
  return found() as JsonRecord;
}

test.serial('containers have their names, however short they live', async (t) => {
  const id = await podman.begin('server', `exec nc -ll -p ${PORT} -e cat`);
  await podman.run('short', `until ${CALL}; do sleep 0.1; done`, '--label', 'tier=front');
  const server = await end('server', 'server');
  t.like(server.resource, {
    'container.id': id,
    'container.runtime.name': 'podman',
    'container.image.name': IMAGE.slice(0, IMAGE.lastIndexOf(':')),
    'container.image.tags': ['1.2'],
  });
  const client = await end('short', 'client');
  t.is(client.resource['container.label.tier'], 'front');
});

test.serial('with the service killed and back, what began meanwhile is named', async (t) => {
  await podman.killService();
  await podman.begin('meanwhile', `while true; do ${CALL}; sleep 0.2; done`);
  podman.serve();
  t.is((await end('meanwhile', 'client')).resource['container.runtime.name'], 'podman');
  // Between the return of the service and the agent's next try one may come and go unseen.
  const isNamed = (record: JsonRecord) => `${attribute(record, 'container.name')}`.startsWith('after-');
  const named = () => ends(agent.records()).some(isNamed);
  for (let i = 0; i < 50 && !named(); i++) {
    await podman.run(`after-${i}`, CALL);
    await settled(named, (is) => is, 500);
  }
  t.true(named());
  t.true(agent.running);
});
