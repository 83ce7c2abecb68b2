import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { boundDatagramSocket, datagramSocket } from '../support/flows.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { joinByRouter } from '../support/router.ts';
import { connected } from '../support/sockets.ts';

function otherEnd(record: JsonRecord): unknown[] {
  return ['sockflow.connection.role', 'sockflow.peer.process.pid', 'sockflow.peer.process.executable.name'].map(
    (name) => attribute(record, name),
  );
}

function wanted(client: number, server: number): unknown[][] {
  return [
    ['client', server, 'lab-server'],
    ['server', client, 'lab-client'],
  ];
}

async function exchange(lab: Lab): Promise<void> {
  const { client, server } = lab;
  const pair = await connected(client, server);
  await client.do('send', pair.client, 10);
  await server.do('receive', pair.server, 10);
  await client.do('close', pair.client);
  await server.do('close', pair.server);
  const echo = await boundDatagramSocket(server);
  const socket = await datagramSocket(client);
  await client.do('send-datagram', socket, 10, '127.0.0.1', echo.port);
  await server.do('take-datagrams', echo.fd, 1);
  await client.do('close', socket);
  await server.do('close', echo.fd);
}

function check(t: ExecutionContext, agent: Agent, transport: string, pids: [number, number]): void {
  const records = ends(agent.records()).filter((record) => attribute(record, 'network.transport') === transport);
  t.deepEqual(records.map(otherEnd).sort(), wanted(...pids), transport);
}

test.serial('each end says who is at the other one, TCP and UDP', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'close'), async (agent) => {
      await exchange(lab);
      await agent.waitForEnds(lab.namespace, 4);
      await agent.stop();
      for (const transport of ['tcp', 'udp']) check(t, agent, transport, [lab.client.pid, lab.server.pid]);
    });
  });
});

test.serial('also in two network namespaces with a router between that translates both addresses', async (t) => {
  await withLab(t, (near) =>
    withLab(t, (far) =>
      withNamespace(async (router) => {
        await joinByRouter(near, router, far);
        await withAgent(['--format', 'json', '--events', 'close'], async (agent) => {
          const listener = await far.server.listen('10.0.2.2', 8, 0, 8080);
          for (let time = 1; time <= 2; time++) {
            const fd = await near.client.connect('10.9.9.9', 80);
            const accepted = await far.server.do('accept', listener.fd);
            await far.server.do('close', accepted);
            await near.client.do('drain', fd);
            await near.client.do('close', fd);
            await agent.waitForEnds(near.namespace, time);
            await agent.waitForEnds(far.namespace, time);
          }
          await agent.stop();
          const pairs = [near.namespace, far.namespace].map((namespace) => ends(within(namespace, agent.records())));
          const [client, server] = wanted(near.client.pid, far.server.pid);
          t.deepEqual(
            pairs.map((records) => records.map(otherEnd)),
            [
              [client, client],
              [server, server],
            ],
          );
        });
      }),
    ),
  );
});

test.serial('who has no other end here is not kept, and says nothing of it', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace), async (agent) => {
      await lab.client.errno('connect', await lab.client.socket(), '127.0.0.1', 9);
      await agent.waitForEnds(lab.namespace, 1);
      const { records } = await agent.stop();
      t.deepEqual(records.map(otherEnd), [['client', undefined, undefined]]);
    });
  });
});
