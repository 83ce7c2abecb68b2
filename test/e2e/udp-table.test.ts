import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { attribute, type JsonRecord } from '../support/agent.ts';
import { CLOSED, datagramSocket, described, flows, moved, seen, totals } from '../support/flows.ts';
import { Sockets } from '../support/sockets.ts';
import { books } from '../support/summary.ts';

test.serial(
  'more peers than the table has room for: one conversation of all others, and not a byte is missing',
  async (t) => {
    const { records, summary } = await seen(t, [...CLOSED, '--max-flows', '1024'], async ({ client }) => {
      const fd = await datagramSocket(client);
      await client.do('send-datagrams', fd, 2000, 10, 1, '127.0.0.1', 20_000);
    });
    t.deepEqual(totals(records), { sentPackets: 2000, sentBytes: 20_000, receivedPackets: 0, receivedBytes: 0 });
    t.is(records.length, 513);
    const others = records.filter((record) => attribute(record, 'network.peer.address') === undefined);
    t.deepEqual(others.map(moved), ['1488/14880 0/0']);
    t.regex(summary, /, folded 1488 datagrams$/);
    const { opened, closed, live } = books(summary);
    t.deepEqual({ opened, closed, live }, { opened: 513, closed: 513, live: 0 });
  },
);

test.serial('idle: it has ended, and what comes later is a new one', async (t) => {
  const { records } = await seen(t, [...CLOSED, '--flow-idle', '1s'], async ({ client, namespace }, agent) => {
    const fd = await datagramSocket(client);
    for (let time = 1; time <= 2; time++) {
      await client.do('send-datagram', fd, time, '239.1.1.1', 9).catch(() => {});
      await client.do('send-datagram', fd, time, '127.0.0.1', 9);
      await agent.waitFor('an end', () => flows(namespace, agent.records()).length === time);
    }
  });
  t.deepEqual(records.map(described), ['client idle - 1/1 0/0 127.0.0.1:9', 'client idle - 1/2 0/0 127.0.0.1:9']);
});

test.serial('updates have totals and what moved since; what lives at the end is told', async (t) => {
  const events = ['--events', 'update,close', '--interval', '1s'];
  const { records, all, lab } = await seen(t, events, async ({ client }, agent) => {
    const updates = () => agent.records().filter((record) => record.event_name === 'sockflow.flow.update');
    const fd = await datagramSocket(client);
    for (let time = 1; time <= 2; time++) {
      await client.do('send-datagrams', fd, 3, 10, 0, '127.0.0.1', 9);
      await agent.waitFor('an update', () => updates().length === time);
    }
    await client.do('send-datagrams', fd, 1, 10, 0, '127.0.0.1', 9);
    await agent.stop();
  });
  const number = (record: JsonRecord, name: string) => attribute(record, `sockflow.connection.${name}`);
  const updates = all.filter((record) => record.event_name === 'sockflow.flow.update');
  t.deepEqual(
    [...updates, ...records].map((record) => [number(record, 'sent.packets'), number(record, 'sent.packets.delta')]),
    [
      [3, 3],
      [6, 3],
      [7, 1],
    ],
  );
  t.is(attribute(records[0] as JsonRecord, 'sockflow.connection.close.reason'), 'agent_stop');
  t.is(attribute(records[0] as JsonRecord, 'process.pid'), lab.client.pid);
});

test.serial('a ring that is too small delays ends, and loses none', async (t) => {
  const args = [...CLOSED, '--ring-size', '64KiB'];
  const { records, summary } = await seen(t, args, async ({ client }) => {
    const fd = await datagramSocket(client);
    await client.do('send-datagrams', fd, 5000, 1, 1, '127.0.0.1', 20_000);
  });
  t.is(records.length, 5000);
  const { opened, closed, lost } = books(summary);
  t.deepEqual({ opened, closed, lost }, { opened: 5000, closed: 5000, lost: {} });
});

test.serial('many short-lived sockets in a forked process: none is missed', async (t) => {
  const { records } = await seen(t, CLOSED, async ({ namespace, serverFile }) => {
    const burst = Sockets.start(namespace, serverFile);
    for (let i = 0; i < 300; i++) {
      const fd = await datagramSocket(burst);
      await burst.do('send-datagram', fd, i, '127.0.0.1', 9);
      await burst.do('close', fd);
    }
    await burst.exit();
  });
  t.is(records.length, 300);
  t.is(totals(records).sentBytes, (299 * 300) / 2);
});

test.serial('a busy conversation lasts until its last datagram, to a tick of the kernel', async (t) => {
  /** Seconds; the longest that a kernel may be built with. */
  const tick = 0.01;
  const pause = 0.1;
  let took = 0;
  const { records } = await seen(t, CLOSED, async ({ client }) => {
    const fd = await datagramSocket(client);
    const begin = performance.now();
    await client.do('send-datagrams', fd, 200, 10, 0, '127.0.0.1', 9);
    await sleep(pause * 1000);
    await client.do('send-datagrams', fd, 1, 10, 0, '127.0.0.1', 9);
    took = (performance.now() - begin) / 1000;
  });
  const [duration] = records.map((record) => Number(attribute(record, 'sockflow.connection.duration')));
  t.deepEqual(records.map(moved), ['201/2010 0/0']);
  t.true(duration !== undefined && duration >= pause - tick && duration <= took, `${duration} s of ${took} s`);
});
