import test from 'ava';
import { attribute, ends, withAgent } from '../support/agent.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { eventually } from '../support/processes.ts';
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

for (const [family, address] of [
  ['IPv4', '127.0.0.1'],
  ['IPv6', '::1'],
] as const)
  test.serial(`a SYN-ACK that is sent again is an event of the listener's process (${family})`, async (t) => {
    await withLab(t, async (lab) => {
      await withAgent(watching(lab.namespace, '--events', 'retransmit,close'), async (agent) => {
        const before = await readCounters(lab.namespace);
        const { fd, port } = await lab.server.listen(address);
        await lab.drop(`tcp sport ${port}`);
        const socket = await lab.client.socket(address, { nonblocking: true });
        await lab.client.errno('connect', socket, address, port);
        const events = (role: 'client' | 'server') =>
          ofEnd(agent.records(), role, port).filter((r) => r.event_name === 'sockflow.connection.retransmit');
        await agent.waitFor('two SYN-ACKs', () => events('server').length >= 2);
        await lab.pass();
        const accepted = await lab.server.do('accept', fd);
        await lab.server.do('close', accepted);
        await lab.client.do('drain', socket);
        await lab.client.do('close', socket);
        await agent.waitForEnds(lab.namespace, 2);
        const kernel = difference(before, await readCounters(lab.namespace));
        await agent.stop();

        const all = [...events('client'), ...events('server')];
        t.is(all.length, kernel['Tcp.RetransSegs'] ?? -1);
        t.is(all.length, kernel['TcpExt.TCPSynRetrans'] ?? -1);
        const [end] = ofEnd(ends(agent.records()), 'server', port);
        t.is(end && attribute(end, 'sockflow.tcp.retransmits'), events('server').length);
        for (const [i, event] of events('server').entries())
          t.like(
            { ...event.resource, ...event.attributes },
            {
              'process.pid': lab.server.pid,
              'process.executable.path': lab.serverFile,
              'sockflow.process.attribution': 'listener',
              'sockflow.connection.id': end?.attributes['sockflow.connection.id'],
              'network.local.address': address,
              'network.peer.address': address,
              'network.peer.port': end?.attributes['network.peer.port'],
              'network.type': family.toLowerCase(),
              'sockflow.tcp.retransmit.sequence': 0,
              'sockflow.tcp.retransmit.segments': 1,
              'sockflow.tcp.retransmits': i + 1,
            },
          );
      });
    });
  });

test.serial(
  'what the host itself does not let out is told as the kernel counts it, at once or at the end',
  async (t) => {
    await withLab(t, async (lab) => {
      await withAgent(watching(lab.namespace, '--events', 'retransmit,close'), async (agent) => {
        const before = await readCounters(lab.namespace);
        const counted = async () => difference(before, await readCounters(lab.namespace))['Tcp.RetransSegs'] ?? 0;
        const pair = await connected(lab.client, lab.server);
        await lab.drop(); // let out once, and lost on its way
        await lab.client.do('send', pair.client, 10);
        await lab.sh(`nft add table inet mute
nft add chain inet mute out '{ type filter hook output priority 0; }'
nft add rule inet mute out meta l4proto tcp drop`);
        await eventually('two that were not let out', counted, (count) => count >= 2);
        await lab.client.do('linger', pair.client, 0);
        await lab.client.do('close', pair.client);
        await lab.sh('nft delete table inet mute');
        await lab.pass();
        await lab.server.do('close', pair.server);
        await agent.waitForEnds(lab.namespace, 2);
        await agent.stop();

        const told = agent.records().filter((r) => r.event_name === 'sockflow.connection.retransmit');
        const segments = told.map((record) => Number(attribute(record, 'sockflow.tcp.retransmit.segments')));
        t.is(
          segments.reduce((sum, count) => sum + count, 0),
          await counted(),
        );
        t.true(told.every((record) => attribute(record, 'process.pid') === lab.client.pid));
        const [end] = ofEnd(ends(agent.records()), 'client', pair.port);
        t.is(end && attribute(end, 'sockflow.tcp.retransmits'), await counted());
      });
    });
  },
);
