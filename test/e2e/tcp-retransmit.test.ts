import test from 'ava';
import { attribute, withAgent } from '../support/agent.ts';
import { type Lab, watching, withLab } from '../support/lab.ts';
import { connected } from '../support/sockets.ts';

/** What was sent again first, by `role`, while nothing arrived: the place of its first byte. */
async function firstLost(lab: Lab, role: 'client' | 'server', lose: () => Promise<void>): Promise<unknown> {
  return withAgent(watching(lab.namespace, '--events', 'retransmit'), async (agent) => {
    await lose();
    const of = () => agent.records().filter((record) => attribute(record, 'sockflow.connection.role') === role);
    await agent.waitFor('a retransmission', () => of().length > 0);
    const [first] = of();
    return first && attribute(first, 'sockflow.tcp.retransmit.sequence');
  });
}

test.serial('sequence 0 is the SYN, and the first byte of either end is 1', async (t) => {
  await withLab(t, async (lab) => {
    await lab.drop();
    const fd = await lab.client.socket('127.0.0.1', { nonblocking: true });
    const syn = async () => {
      await lab.client.errno('connect', fd, '127.0.0.1', 9);
    };
    t.is(await firstLost(lab, 'client', syn), 0);
    await lab.client.do('close', fd); // or its next SYN is seen below
    await lab.pass();
    for (const role of ['client', 'server'] as const) {
      const pair = await connected(lab.client, lab.server);
      const data = async () => {
        await lab.drop();
        await lab[role].do('send', pair[role], 10);
      };
      t.is(await firstLost(lab, role, data), 1);
      await lab.pass();
    }
  });
});
