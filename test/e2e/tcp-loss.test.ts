/** Real loss, three in a hundred packets, at the receiver's door: the sender knows of it only by what does not come back. */
import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { allEnded, type Lab, ofEnd, payload, watching, withLab } from '../support/lab.ts';
import { connected } from '../support/sockets.ts';

/**
 * One packet, one segment, so that dropped packets are counted in segments on both sides; loopback would hand over 64 KiB
 * at once.
 */
const LOSSY = `ip link set lo mtu 1500 gso_max_segs 1
iptables -A INPUT -p tcp -m statistic --mode random --probability 0.03 -j DROP`;

const BYTES = 1_000_000;

/** Moves the bytes over some connections, one after the other, and closes them. */
async function transfer({ client, server }: Lab, connections: number): Promise<void> {
  const listener = await server.listen();
  for (let i = 0; i < connections; i++) {
    const fd = await client.connect('127.0.0.1', listener.port);
    const accepted = await server.do('accept', listener.fd);
    const sent = client.do('send', fd, BYTES);
    await server.do('receive', accepted, BYTES);
    await sent;
    await client.do('close', fd);
    await server.do('drain', accepted);
    await server.do('close', accepted);
  }
}

function sum(records: readonly JsonRecord[], name: string): number {
  return records.reduce((total, record) => total + Number(attribute(record, name)), 0);
}

test.serial("under loss, bytes are exact and retransmits are the kernel's, and so are the events", async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'retransmit,close,failed'), async (agent) => {
      await lab.sh(LOSSY);
      const before = await readCounters(lab.namespace);
      const connections = 8;
      await transfer(lab, connections);
      t.is(await allEnded(lab.namespace), '');
      const kernel = difference(before, await readCounters(lab.namespace));
      const { records } = await agent.stop();
      const closed = ends(within(lab.namespace, records));
      t.is(closed.length, 2 * connections);
      for (const record of closed)
        t.is(payload(record), attribute(record, 'sockflow.connection.role') === 'client' ? `${BYTES}/0` : `0/${BYTES}`);

      // The accepted socket takes over the count of SYN-ACKs that its request has sent again.
      const retransmits = sum(closed, 'sockflow.tcp.retransmits');
      t.is(retransmits, kernel['Tcp.RetransSegs'] ?? -1);
      t.true(retransmits > 50);

      const events = records.filter(({ event_name }) => event_name === 'sockflow.connection.retransmit');
      t.is(sum(events, 'sockflow.tcp.retransmit.segments'), retransmits);
      const syns = events.filter((record) => attribute(record, 'sockflow.tcp.retransmit.sequence') === 0);
      t.is(syns.length, kernel['TcpExt.TCPSynRetrans'] ?? -1);
    });
  });
});

/** Smoothed round-trip time that ss prints, in milliseconds. */
async function smoothed({ sh }: Lab, port: number): Promise<number> {
  return Number(/ rtt:([\d.]+)\//.exec(await sh(`ss -Htin state established dport = :${port}`))?.[1]);
}

/** The next update of the client's end, asked for at a moment when nothing moves any more. */
async function nextUpdate(agent: Agent, port: number): Promise<JsonRecord> {
  const all = () => ofEnd(agent.records(), 'client', port).filter((r) => r.event_name === 'sockflow.connection.update');
  const before = all().length;
  await agent.waitFor('an update', () => all().length > before);
  const last = all().at(-1);
  if (!last) throw new Error('no update');
  return last;
}

test.serial('the round-trip time of a live connection is the one that ss prints at the same moment', async (t) => {
  await withLab(t, async (lab) => {
    const args = ['--events', 'update', '--interval', '1s', '--idle-updates'];
    await withAgent(watching(lab.namespace, ...args), async (agent) => {
      await lab.sh(LOSSY);
      const pair = await connected(lab.client, lab.server);
      for (const bytes of [1000, 100_000, 300_000]) {
        const sent = lab.client.do('send', pair.client, bytes);
        await lab.server.do('receive', pair.server, bytes);
        await sent;
        await nextUpdate(agent, pair.port); // what was still under way has been acknowledged
        const earlier = await smoothed(lab, pair.port);
        const record = await nextUpdate(agent, pair.port);
        const later = await smoothed(lab, pair.port);
        const ours = Number(attribute(record, 'sockflow.tcp.rtt.smoothed')) * 1000;
        // Both are printed from whole microseconds; when the connection rested, both of ss are the same.
        t.true(ours >= Math.min(earlier, later) - 0.001 && ours <= Math.max(earlier, later) + 0.001);
      }
    });
  });
});
