/** Dropped segments: as many as the packet filter, the socket and the listener count themselves. */
import test from 'ava';
import { type Agent, attribute, type JsonRecord, withAgent } from '../support/agent.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { type Lab, ofEnd, watching, withLab } from '../support/lab.ts';
import { connected } from '../support/sockets.ts';

function segments(records: readonly JsonRecord[]): number {
  return records.reduce((sum, record) => sum + Number(attribute(record, 'sockflow.tcp.drop.segments')), 0);
}

/** Drops what leaves and matches, until the returned function is called: it says how many packets that were. */
async function countedDrop({ sh }: Lab, match: string): Promise<() => Promise<number>> {
  await sh(`nft add table inet lab
nft add counter inet lab dropped
nft add chain inet lab out '{ type filter hook output priority 0; }'
nft add rule inet lab out ${match} counter name dropped drop`);
  return async () => {
    const text = await sh('nft flush chain inet lab out; nft list counter inet lab dropped');
    await sh('nft delete table inet lab');
    return Number(/packets (\d+)/.exec(text)?.[1]);
  };
}

/** Stops the agent: every event that there was is in the result. */
async function drops(agent: Agent): Promise<JsonRecord[]> {
  return (await agent.stop()).records.filter(({ event_name }) => event_name === 'sockflow.connection.drop');
}

for (const [family, address] of [
  ['IPv4', '127.0.0.1'],
  ['IPv6', '::1'],
] as const)
  test.serial(`what a packet filter drops on its way out: as many segments as it counts (${family})`, async (t) => {
    await withLab(t, async (lab) => {
      await withAgent(watching(lab.namespace, '--events', 'drop'), async (agent) => {
        await lab.sh('ip link set lo mtu 1500 gso_max_segs 1');
        const pair = await connected(lab.client, lab.server, address);
        const stop = await countedDrop(lab, `tcp dport ${pair.port}`);
        await lab.client.do('send', pair.client, 5000);
        await agent.waitFor('six dropped segments', (records) => segments(records) >= 6);
        const counted = await stop();
        await lab.server.do('receive', pair.server, 5000);

        const filtered = (await drops(agent)).filter(
          (record) => attribute(record, 'sockflow.tcp.drop.reason') === 'netfilter_drop',
        );
        t.is(segments(filtered), counted);
        for (const record of filtered) {
          t.is(attribute(record, 'network.io.direction'), 'transmit');
          t.is(attribute(record, 'process.pid'), lab.client.pid);
          t.is(attribute(record, 'server.port'), pair.port);
        }
      });
    });
  });

test.serial('what TCP itself drops: as many as the socket counts', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'drop'), async (agent) => {
      const pair = await connected(lab.client, lab.server);
      // The acknowledgements get lost, so what has arrived is sent again: the server has no use for it.
      await lab.drop(`tcp sport ${pair.port}`);
      await lab.client.do('send', pair.client, 10);
      await lab.server.do('receive', pair.server, 10);
      const ofServer = (records: readonly JsonRecord[]) =>
        ofEnd(records, 'server', pair.port).filter((record) => attribute(record, 'network.io.direction') === 'receive');
      await agent.waitFor('three drops', (records) => segments(ofServer(records)) >= 3);
      await lab.pass();
      await lab.server.do('send', pair.server, 1);
      await lab.client.do('receive', pair.client, 1); // with it came the acknowledgement
      const memory = await lab.sh(`ss -Htnm state established sport = :${pair.port}`);
      const records = ofServer(await drops(agent));
      t.is(segments(records), Number(/skmem:\(.*,d(\d+)\)/.exec(memory)?.[1]));
      t.deepEqual(
        new Set(records.map((record) => attribute(record, 'sockflow.tcp.drop.reason'))),
        new Set(['tcp_old_data']),
      );
    });
  });
});

test.serial('what a listener has no room for: as many as the kernel counts (ListenDrops)', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'drop', '--interval', '1s'), async (agent) => {
      const before = await readCounters(lab.namespace);
      const { fd, port } = await lab.server.listen('127.0.0.1', 0);
      const clients: number[] = [];
      for (let i = 0; i < 4; i++) {
        const client = await lab.client.socket('127.0.0.1', { nonblocking: true });
        await lab.client.errno('connect', client, '127.0.0.1', port);
        clients.push(client);
      }
      const ofListener = () =>
        agent.records().filter((record) => attribute(record, 'sockflow.tcp.drop.reason') === 'listen_queue');
      await agent.waitFor('a look at the listener', () => ofListener().length >= 2);
      for (const client of clients) await lab.client.do('close', client);
      await lab.server.do('close', fd); // the rest is told now
      const kernel = difference(before, await readCounters(lab.namespace));
      await agent.stop();
      t.is(segments(ofListener()), kernel['TcpExt.ListenDrops'] ?? -1);
      t.true(segments(ofListener()) > 3);
      for (const { resource, attributes } of ofListener()) {
        t.is(resource['process.pid'], lab.server.pid);
        t.is(attributes['server.port'], port);
        t.is(attributes['network.peer.address'], undefined);
      }
    });
  });
});
