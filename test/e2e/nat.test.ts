import test from 'ava';
import { attribute, ends, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { boundDatagramSocket, datagramSocket, moved } from '../support/flows.ts';
import { type Lab, shell, watching, withLab } from '../support/lab.ts';
import { Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { joinByRouter } from '../support/router.ts';

/** What a client dials as 10.9.9.9, port 80 or 53, is here, on the port that it is given. */
const translation = (tcp: number, udp: number) => `ip route add 10.9.9.9 dev lo src 127.0.0.1
nft add table ip nat
nft add chain ip nat out '{ type nat hook output priority -100; }'
nft add rule ip nat out ip daddr 10.9.9.9 tcp dport 80 dnat to 127.0.0.1:${tcp}
nft add rule ip nat out ip daddr 10.9.9.9 udp dport 53 dnat to 127.0.0.1:${udp}`;

function translated(record: JsonRecord): unknown[] {
  return [
    'network.peer.address',
    'network.peer.port',
    'sockflow.nat.original.address',
    'sockflow.nat.original.port',
  ].map((name) => attribute(record, name));
}

test.serial('a translated address: what was dialled and the true peer, in one conversation', async (t) => {
  await withLab(t, async (lab) => {
    const { client, server } = lab;
    const listener = await server.listen();
    const echo = await boundDatagramSocket(server);
    await lab.sh(translation(listener.port, echo.port));
    await withAgent(watching(lab.namespace, '--events', 'open,close'), async (agent) => {
      const fd = await client.connect('10.9.9.9', 80);
      const accepted = await server.do('accept', listener.fd);
      await client.do('close', fd);
      await server.do('close', accepted);
      for (const isConnected of [false, true]) {
        const socket = await datagramSocket(client);
        if (isConnected) await client.do('connect', socket, '10.9.9.9', 53);
        for (let time = 0; time < 3; time++) {
          await client.do('send-datagram', socket, 10, ...(isConnected ? [] : ['10.9.9.9', 53]));
          await server.do('take-datagrams', echo.fd, 1, 20);
          t.is(await client.do('take-datagrams', socket, 1), 20);
        }
        await client.do('close', socket);
      }
      await agent.waitForEnds(lab.namespace, 4);
      const { records } = await agent.stop();
      const clients = records.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
      const tcp = clients.filter((record) => attribute(record, 'network.transport') === 'tcp');
      const udp = clients.filter((record) => attribute(record, 'network.transport') === 'udp');
      t.is(tcp.length, 2);
      for (const record of tcp) t.deepEqual(translated(record), ['127.0.0.1', listener.port, '10.9.9.9', 80]);
      for (const record of tcp) t.is(attribute(record, 'server.address'), '10.9.9.9');
      t.deepEqual(udp.map(moved), ['3/30 3/60', '3/30 3/60']);
      for (const record of udp) t.deepEqual(translated(record), ['127.0.0.1', echo.port, '10.9.9.9', 53]);
      const servers = ends(records).filter((record) => attribute(record, 'sockflow.connection.role') === 'server');
      t.is(servers.length, 3);
      for (const record of servers) t.is(attribute(record, 'sockflow.nat.original.address'), undefined);
      const ids = new Set(ends(records).map((record) => attribute(record, 'sockflow.connection.id')));
      t.is(ids.size, 3, 'both ends have one id, translated or not');
    });
  });
});

test.serial('older than the agent: asked of the connection tracking of its network namespace', async (t) => {
  await withLab(t, async (lab) => {
    const { client, server } = lab;
    const listener = await server.listen();
    await lab.sh(translation(listener.port, 53));
    const fd = await client.connect('10.9.9.9', 80);
    const accepted = await server.do('accept', listener.fd);
    await withAgent(watching(lab.namespace, '--events', 'close'), async (agent) => {
      await client.do('close', fd);
      await server.do('close', accepted);
      await agent.waitForEnds(lab.namespace, 2);
      const { records } = await agent.stop();
      const clients = records.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
      t.deepEqual(clients.map(translated), [['127.0.0.1', listener.port, '10.9.9.9', 80]]);
    });
  });
});

/** One connection of `near` to `far` through the router between them. */
async function dialThrough(near: Lab, far: Lab): Promise<void> {
  const listener = await far.server.listen('10.0.2.2', 8, 0, 8080);
  const fd = await near.client.connect('10.9.9.9', 80);
  await far.server.do('close', await far.server.do('accept', listener.fd));
  await near.client.do('drain', fd);
  await near.client.do('close', fd);
}

for (const isNear of [true, false])
  test.serial(
    `translated on the way out of another network namespace, by ${isNear ? "the agent's" : 'a third one'}: asked of its connection tracking`,
    async (t) => {
      await withLab(t, (near) =>
        withLab(t, (far) =>
          withNamespace(async (router) => {
            await joinByRouter(near, router, far);
            await shell(router, 'nft add rule ip nat pre ip daddr 10.9.9.9 udp dport 53 dnat to 10.0.2.2:5353');
            await withAgent(
              ['--format', 'json', '--events', 'open,close'],
              async (agent) => {
                await dialThrough(near, far);
                const echo = await boundDatagramSocket(far.server, '10.0.2.2', 5353);
                const socket = await datagramSocket(near.client);
                await near.client.do('send-datagram', socket, 10, '10.9.9.9', 53);
                await far.server.do('take-datagrams', echo.fd, 1, 20);
                await near.client.do('take-datagrams', socket, 1);
                await near.client.do('close', socket);
                await agent.waitForEnds(near.namespace, 2);
                const { records } = await agent.stop();
                const clients = within(near.namespace, records);
                const of = (transport: string) =>
                  clients.filter((record) => attribute(record, 'network.transport') === transport).map(translated);
                const tcp = ['10.0.2.2', 8080, '10.9.9.9', 80];
                t.deepEqual(of('tcp'), [tcp, tcp]);
                t.deepEqual(of('udp'), [['10.0.2.2', 5353, '10.9.9.9', 53]]);
              },
              isNear ? { namespace: router } : {},
            );
          }),
        ),
      );
    },
  );

test.serial('a network namespace lives no longer for having been asked', async (t) => {
  await withLab(t, (near) =>
    withLab(t, async (far) => {
      const router = await Namespace.create();
      t.teardown(() => router.close());
      await joinByRouter(near, router, far);
      await withAgent(['--format', 'json', '--events', 'close'], async (agent) => {
        await dialThrough(near, far);
        await agent.waitForEnds(near.namespace, 1);
        const [record] = within(near.namespace, agent.records());
        t.is(record && attribute(record, 'sockflow.nat.original.address'), '10.9.9.9', 'it was asked');
        await router.close();
        // The near end of the cable goes with the namespace of the other one.
        const cable = await settled(
          () => near.sh('ip -o link show'),
          (links) => !links.includes('out@'),
        );
        t.notRegex(cable, /out@/);
      });
    }),
  );
});
