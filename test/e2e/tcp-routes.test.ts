/** Why a connect failed before its SYN is looked up afterwards; what that needs of the network namespace, and leaves of it. */
import test from 'ava';
import { type Agent, ends, withAgent, within } from '../support/agent.ts';
import { outcome, shell, watching, withLab } from '../support/lab.ts';
import { Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { Sockets } from '../support/sockets.ts';

async function failsAndDies(namespace: Namespace, address: string): Promise<void> {
  const client = Sockets.start(namespace);
  await client.errno('connect', await client.socket(address), address, 80);
  await client.kill();
}

async function reasonOf(agent: Agent, namespace: Namespace): Promise<string[]> {
  await agent.waitForEnds(namespace, 1);
  return ends(within(namespace, agent.records())).map(outcome);
}

test.serial('no SYN is sent, and the process has gone at once: the reason is known all the same', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(watching(namespace), async (agent) => {
      await failsAndDies(namespace, '10.9.0.1');
      t.deepEqual(await reasonOf(agent, namespace), ['client failed unreachable network_unreachable']);
    });
  });
});

test.serial("the same in the agent's own network namespace", async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(
      ['--format', 'json', '--network-namespace', 'self'],
      async (agent) => {
        await failsAndDies(namespace, '10.9.0.1');
        const records = await agent.waitFor('an end', (all) => ends(all).length > 0);
        t.deepEqual(ends(records).map(outcome), ['client failed unreachable network_unreachable']);
      },
      { namespace },
    );
  });
});

test.serial('no SYN is sent because it is a broadcast address: failed as unreachable', async (t) => {
  await withLab(t, async ({ namespace, client }) => {
    await withAgent(watching(namespace), async (agent) => {
      const fd = await client.socket();
      t.is(await client.errno('connect', fd, '127.255.255.255', 80), 101);
      await client.do('close', fd);
      t.deepEqual(await reasonOf(agent, namespace), ['client failed unreachable network_unreachable']);
    });
  });
});

test.serial('the agent keeps no network namespace alive in which it looked up a route', async (t) => {
  await withNamespace(async (neighbour) => {
    await withAgent(['--format', 'json'], async (agent) => {
      const mortal = await Namespace.create();
      const pid = /\/proc\/(\d+)\//.exec(mortal.path)?.[1];
      await shell(neighbour, `ip link add here type veth peer name there netns ${pid}`);
      const client = Sockets.start(mortal);
      const fd = await client.socket();
      await client.errno('connect', fd, '10.9.0.1', 80);
      await client.do('close', fd);
      t.is((await reasonOf(agent, mortal)).length, 1);
      await mortal.close();
      // The kernel takes a namespace down with the last that holds it, and with it both ends of the cable.
      const links = await settled(
        () => shell(neighbour, 'ip -brief link show type veth'),
        (text) => text === '',
      );
      t.is(links, '');
    });
  });
});
