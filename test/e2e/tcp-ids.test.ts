/** One id for a connection: the same at both ends and at no other, whatever lies between them. */
import test, { type ExecutionContext } from 'ava';
import { attribute, ends, type JsonRecord, observe, withAgent, within } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { idFaults } from '../support/expected.ts';
import { type Counters, difference, readCounters } from '../support/kernel-counters.ts';
import { allEnded, createLab, type Lab, outcome, payload, shell, watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { joinByRouter, talkByRouter } from '../support/router.ts';
import { connected, option, READABLE, type Sockets, WRITABLE } from '../support/sockets.ts';
import { books } from '../support/summary.ts';

const CONNECTIONS = 211;
const ENDS = ['--events', 'close,failed'];
const IPPROTO_MPTCP = 262;

function id(record: JsonRecord | undefined): unknown {
  return record && attribute(record, 'sockflow.connection.id');
}

/** Many connections under a setting of the kernel; what the kernel counted meanwhile. */
async function idsUnder(t: ExecutionContext, setting: string): Promise<Counters> {
  return withNamespace(async (namespace) => {
    await shell(namespace, `sysctl -q ${setting}`);
    const before = await readCounters(namespace);
    const args = ['--network-namespace', `${namespace.inode}`, ...ENDS];
    const seen = await observe(namespace, args, async () => {
      const done = await exchange(t, namespace, { connections: CONNECTIONS });
      return done.wanted.length;
    });
    t.is(seen.ends.length, 2 * CONNECTIONS);
    t.deepEqual(idFaults(seen.ends), []);
    return difference(before, await readCounters(namespace));
  });
}

test.serial('without timestamps', async (t) => {
  await idsUnder(t, 'net.ipv4.tcp_timestamps=0');
});

test.serial('with SYN cookies', async (t) => {
  const kernel = await idsUnder(t, 'net.ipv4.tcp_syncookies=2');
  t.is(kernel['TcpExt.SyncookiesRecv'], CONNECTIONS);
});

/** All ends that a lab caused, after the agent's orderly end; `opened` is what the kernel side says. */
async function endsOf(
  lab: Lab,
  body: () => Promise<void>,
): Promise<{ records: JsonRecord[]; opened: number; live: number }> {
  return withAgent(watching(lab.namespace, ...ENDS), async (agent) => {
    await body();
    await allEnded(lab.namespace);
    const { records, summary } = await agent.stop();
    const { opened, live } = books(summary);
    return { records: ends(records), opened, live };
  });
}

test.serial('with TCP Fast Open, where data comes before the handshake has ended', async (t) => {
  await withLab(t, async (lab) => {
    await lab.sh('sysctl -q net.ipv4.tcp_fastopen=3');
    const rounds = 20;
    const before = await readCounters(lab.namespace);
    const { records } = await endsOf(lab, async () => {
      const listener = await lab.server.listen();
      await lab.server.do('option', listener.fd, ...option.fastOpen, 16);
      for (let i = 0; i < rounds; i++) {
        const fd = await lab.client.socket();
        await lab.client.do('fast-open', fd, '127.0.0.1', listener.port, 100 + i);
        const accepted = await lab.server.do('accept', listener.fd);
        await lab.server.do('receive', accepted, 100 + i);
        await lab.server.do('send', accepted, 10);
        await lab.client.do('receive', fd, 10);
        await lab.client.do('close', fd);
        await lab.server.do('drain', accepted);
        await lab.server.do('close', accepted);
      }
    });
    const kernel = difference(before, await readCounters(lab.namespace));
    t.is(kernel['TcpExt.TCPFastOpenActive'], rounds - 1, 'the first one fetched the cookie');
    t.is(records.length, 2 * rounds);
    t.deepEqual(idFaults(records), []);
    const total = (100 * rounds + (rounds * (rounds - 1)) / 2) * 2;
    const moved = records.reduce((sum, r) => sum + Number(attribute(r, 'sockflow.connection.sent.bytes')), 0);
    t.is(moved, total / 2 + 10 * rounds);
  });
});

test.serial('of a socket that is connected to itself: one end', async (t) => {
  await withLab(t, async (lab) => {
    const { records, opened } = await endsOf(lab, async () => {
      const fd = await lab.client.socket();
      await lab.client.do('bind', fd, '127.0.0.1', 0);
      await lab.client.do('connect', fd, '127.0.0.1', await lab.client.do('local-port', fd));
      await lab.client.do('send', fd, 5);
      await lab.client.do('receive', fd, 5);
      await lab.client.do('close', fd);
    });
    t.deepEqual(
      records.map((r) => `${outcome(r)} ${payload(r)}`),
      ['client close fin_local - 5/5'],
    );
    t.is(opened, 1);
  });
});

/** A socket with a port of its own. */
async function bound(process: Sockets): Promise<{ fd: number; port: number }> {
  const fd = await process.socket('127.0.0.1', { nonblocking: true });
  await process.do('bind', fd, '127.0.0.1', 0);
  return { fd, port: await process.do('local-port', fd) };
}

test.serial('of two that dial each other at once: both are clients of one connection', async (t) => {
  await withLab(t, async (lab) => {
    const { records, opened } = await endsOf(lab, async () => {
      const [one, other] = [await bound(lab.client), await bound(lab.server)];
      await lab.drop();
      await lab.client.errno('connect', one.fd, '127.0.0.1', other.port);
      await lab.server.errno('connect', other.fd, '127.0.0.1', one.port);
      await lab.pass(); // their SYNs come again, and cross
      await lab.client.do('poll', one.fd, WRITABLE);
      await lab.server.do('poll', other.fd, WRITABLE);
      await lab.client.do('send', one.fd, 5);
      await lab.client.do('close', one.fd);
      await lab.server.do('poll', other.fd, READABLE);
      await lab.server.do('receive', other.fd, 6);
      await lab.server.do('close', other.fd);
    });
    t.is(opened, 2);
    t.is(records.length, 2);
    t.is(id(records[0]), id(records[1]));
    t.true(records.every((record) => attribute(record, 'sockflow.connection.role') === 'client'));
  });
});

test.serial('through a router that translates both addresses', async (t) => {
  await withLab(t, (near) =>
    withLab(t, (far) =>
      withNamespace(async (router) => {
        await joinByRouter(near, router, far);
        const connections = 20;
        await withAgent(['--format', 'json', ...ENDS], async (agent) => {
          await talkByRouter(near, far, connections);
          await agent.waitForEnds(near.namespace, connections);
          await agent.waitForEnds(far.namespace, connections);
          const { records } = await agent.stop();
          const [clients, servers] = [near, far].map(({ namespace }) => ends(within(namespace, records)));
          if (!clients || !servers) throw new Error('no records');
          const byId = (all: JsonRecord[], way: string) =>
            Object.fromEntries(all.map((r) => [id(r), attribute(r, `sockflow.connection.${way}.bytes`)]));
          t.is(new Set(clients.map(id)).size, connections);
          t.deepEqual(byId(servers, 'received'), byId(clients, 'sent'));
          t.true(clients.every((r) => attribute(r, 'server.address') === '10.9.9.9'));
          t.true(servers.every((r) => attribute(r, 'client.address') === '10.0.2.1'));
        });
      }),
    ),
  );
});

function mptcpId(record: JsonRecord): unknown {
  return attribute(record, 'sockflow.mptcp.id');
}

/** Over Multipath TCP, with as many subflows besides the first as the lab was set up for. */
async function multipath(lab: Lab, subflows: number): Promise<void> {
  const pair = await connected(lab.client, lab.server, '127.0.0.1', IPPROTO_MPTCP);
  for (let i = 0; i < 5; i++) {
    await lab.client.do('send', pair.client, 1000);
    await lab.server.do('receive', pair.server, 1000);
    await lab.server.do('send', pair.server, 1);
    await lab.client.do('receive', pair.client, 1);
  }
  const joined = async () => Number((await readCounters(lab.namespace))['MPTcpExt.MPJoinAckRx'] ?? 0);
  await settled(joined, (count) => count >= subflows);
  await lab.client.do('close', pair.client);
  await lab.server.do('drain', pair.server);
  await lab.server.do('close', pair.server);
  await lab.server.do('close', pair.listener);
}

test.serial('of Multipath TCP: the subflow is the connection, and is counted once', async (t) => {
  await withLab(t, async (lab) => {
    const { records, opened, live } = await endsOf(lab, () => multipath(lab, 0));
    t.deepEqual({ opened, live }, { opened: 2, live: 0 });
    t.deepEqual(idFaults(records), []);
    t.is(typeof records[0] === 'object' && typeof mptcpId(records[0]), 'string');
    t.is(new Set(records.map(mptcpId)).size, 1);
  });
});

test.serial('of Multipath TCP with two subflows: two ids, one of the whole', async (t) => {
  await withLab(t, async (lab) => {
    await lab.sh('ip mptcp limits set subflow 1; ip mptcp endpoint add 127.0.0.2 dev lo subflow');
    const { records, opened, live } = await endsOf(lab, () => multipath(lab, 1));
    t.deepEqual({ opened, live }, { opened: 4, live: 0 });
    t.deepEqual(idFaults(records), []);
    t.is(new Set(records.map(id)).size, 2);
    t.is(new Set(records.map(mptcpId)).size, 1);
    // The kernel itself opens the second subflow: nobody, or the process, but never a bystander.
    const pids = new Set([undefined, lab.client.pid, lab.server.pid]);
    for (const record of records) t.true(pids.has(attribute(record, 'process.pid') as number | undefined));
  });
});

test.serial('an ordinary connection has no id of Multipath TCP', async (t) => {
  await withNamespace(async (namespace) => {
    const lab = await createLab(t, namespace);
    const { records } = await endsOf(lab, async () => {
      const pair = await connected(lab.client, lab.server);
      await lab.client.do('close', pair.client);
      await lab.server.do('drain', pair.server);
      await lab.server.do('close', pair.server);
    });
    t.deepEqual(records.map(mptcpId), [undefined, undefined]);
  });
});
