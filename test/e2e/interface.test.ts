/** The network interface of a connection, in the namespace of its socket. */
import test from 'ava';
import { attribute, ends, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { joinByRouter } from '../support/router.ts';
import { connected, type Sockets } from '../support/sockets.ts';

const CLOSES = ['--format', 'json', '--events', 'close,failed'];

function interfacesOf(namespace: Namespace, records: readonly JsonRecord[]): unknown[] {
  return ends(within(namespace, records)).map((record) => attribute(record, 'network.interface.name'));
}

async function exchange(client: Sockets, server: Sockets, address?: string): Promise<void> {
  const pair = await connected(client, server, address);
  await client.do('close', pair.client);
  await server.do('drain', pair.server);
  await server.do('close', pair.server);
}

/** From `near` to `far` through the router. */
async function across(near: Lab, far: Lab): Promise<void> {
  const listener = await far.server.listen('10.0.2.2', 128, 0, 8080);
  const fd = await near.client.connect('10.9.9.9', 80);
  const accepted = await far.server.do('accept', listener.fd);
  await near.client.do('close', fd);
  await far.server.do('drain', accepted);
  await far.server.do('close', accepted);
  await far.server.do('close', listener.fd);
}

test.serial('loopback is lo; each end of a cable has its own name, and a renamed one its new', async (t) => {
  await withLab(t, (near) =>
    withLab(t, (far) =>
      withNamespace(async (router) => {
        await joinByRouter(near, router, far);
        await far.sh('ip link set out down; ip link set out name lan0; ip link set lan0 up');
        await withAgent(CLOSES, async (agent) => {
          await exchange(near.client, near.server);
          await agent.waitForEnds(near.namespace, 2);
          await across(near, far);
          await agent.waitForEnds(near.namespace, 3);
          await agent.waitForEnds(far.namespace, 1);
          const { records } = await agent.stop();
          t.deepEqual(interfacesOf(near.namespace, records), ['lo', 'lo', 'out']);
          t.deepEqual(interfacesOf(far.namespace, records), ['lan0']);
        });
      }),
    ),
  );
});

test.serial(
  'the process has gone by the time that its interface is asked for: another one of its namespace will do',
  async (t) => {
    await withLab(t, (near) =>
      withLab(t, (far) =>
        withNamespace(async (router) => {
          await joinByRouter(near, router, far);
          await withAgent(CLOSES, async (agent) => {
            const listener = await far.server.listen('10.0.2.2', 128, 0, 8080);
            await near.client.connect('10.9.9.9', 80);
            await near.client.kill();
            await agent.waitForEnds(near.namespace, 1);
            const { records } = await agent.stop();
            t.deepEqual(interfacesOf(near.namespace, records), ['out']);
            await far.server.do('close', listener.fd);
          });
        }),
      ),
    );
  },
);

test.serial('an attempt without a route has no interface', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'failed'), async (agent) => {
      await lab.client.errno('connect', await lab.client.socket('10.9.0.1'), '10.9.0.1', 80);
      await lab.client.kill();
      await agent.waitForEnds(lab.namespace, 1);
      const { records } = await agent.stop();
      t.deepEqual(interfacesOf(lab.namespace, records), [undefined]);
      t.is(ofEnd(records, 'client', 80).length, 1);
    });
  });
});
