/** Losses that are forced: each is in the books once, under its own reason, and the agent is as good as new afterwards. */
import type { ExecutionContext } from 'ava';
import { type Agent, attribute, ends, type JsonRecord, withAgent } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { difference, readCounters } from '../support/kernel-counters.ts';
import { allEnded, type Lab, watching, withLab } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { books } from '../support/summary.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';
import { runClient, startServer } from '../support/workload.ts';

const TINY = ['--ring-size', '64KiB'];
const ENDS = ['--events', 'close,failed'];

/** Six thousand connections; how many ends the kernel saw. */
async function storm(namespace: Namespace): Promise<number> {
  const before = await readCounters(namespace);
  const server = await startServer(namespace, { mode: 'threads' });
  const clients = Array.from({ length: 4 }, () => runClient(namespace, { port: server.port, connections: 1500 }));
  await Promise.all(clients);
  await server.stop();
  const kernel = difference(before, await readCounters(namespace));
  return (kernel['Tcp.ActiveOpens'] ?? 0) + (kernel['Tcp.PassiveOpens'] ?? 0);
}

/** One connection after the other, until the ring has been read so far that one of them is told; how many ends that made. */
async function untilRead(agent: Agent, namespace: Namespace): Promise<number> {
  const server = await startServer(namespace);
  const isTold = () => agent.records().some((record) => attribute(record, 'server.port') === server.port);
  let made = 0;
  for (; made < 1000 && !isTold(); made++) await runClient(namespace, { port: server.port, connections: 1 });
  await server.stop();
  return 2 * made;
}

/** After the loss: as many exact records as there are ends. Returns their number. */
async function worksNormally(t: ExecutionContext, agent: Agent, namespace: Namespace): Promise<number> {
  const before = agent.records().length;
  const { wanted, server } = await exchange(t, namespace, { connections: 101 });
  const fresh = (records: readonly JsonRecord[]) =>
    ends(records.slice(before)).filter((record) => attribute(record, 'server.port') === server.port);
  await agent.waitFor('the ends after the loss', (records) => fresh(records).length >= wanted.length);
  t.deepEqual(faults(fresh(agent.records()), wanted), []);
  return wanted.length;
}

interface Losses {
  ended: number;
  summary: string;
  records: readonly JsonRecord[];
}

/** All that ended is either a record or a loss of the ring. */
function onlyTheRingLost(t: ExecutionContext, { ended, summary, records }: Losses): number {
  const { opened, closed, live, lost } = books(summary);
  const ring = lost['kernel ring_full'] ?? 0;
  t.log(summary);
  t.deepEqual(lost, ring > 0 ? { 'kernel ring_full': ring } : {});
  t.is(opened, ended);
  t.is(live, 0);
  t.is(opened, closed + ring);
  t.is(ends(records).length, closed);
  return ring;
}

serialUnlessHidden('a ring that is far too small for a storm: each end is a record or a counted loss', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(watching(namespace, ...ENDS, ...TINY), async (agent) => {
      let ended = await storm(namespace);
      ended += await untilRead(agent, namespace);
      ended += await worksNormally(t, agent, namespace);
      const { records, summary } = await agent.stop();
      onlyTheRingLost(t, { ended, summary, records });
    });
  });
});

serialUnlessHidden('an agent that stands still during a storm: what the ring could not hold is counted', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(watching(namespace, ...ENDS, ...TINY), async (agent) => {
      process.kill(agent.pid, 'SIGSTOP');
      let ended = await storm(namespace);
      process.kill(agent.pid, 'SIGCONT');
      ended += await untilRead(agent, namespace);
      ended += await worksNormally(t, agent, namespace);
      const { records, summary } = await agent.stop();
      t.true(onlyTheRingLost(t, { ended, summary, records }) > 10_000);
    });
  });
});

serialUnlessHidden('connections whose open record was lost show up in the next update, with their owner', async (t) => {
  await withLab(t, async ({ namespace, client, server, clientFile, serverFile }) => {
    const live = 1000;
    const events = ['--events', 'open,update,close', '--interval', '1s'];
    await withAgent(watching(namespace, ...events, '--ring-size', '512KiB'), async (agent) => {
      const listener = await server.listen('127.0.0.1', 4096);
      process.kill(agent.pid, 'SIGSTOP');
      for (let i = 0; i < 2; i++) {
        await client.do('connect-many', live, '127.0.0.1', listener.port);
        await server.do('accept-many', listener.fd, live);
      }
      process.kill(agent.pid, 'SIGCONT');
      const updated = () =>
        new Map(
          agent
            .records()
            .filter(({ event_name }) => event_name === 'sockflow.connection.update')
            .map((record) => [
              `${attribute(record, 'sockflow.connection.role')} ${attribute(record, 'client.port')}`,
              attribute(record, 'process.executable.path'),
            ]),
        );
      await agent.waitFor('an update of each', () => updated().size >= 4 * live);
      const owners = [...updated()].map(([end, path]) => `${end.split(' ')[0]} ${path}`);
      t.deepEqual(new Set(owners), new Set([`client ${clientFile}`, `server ${serverFile}`]));
      const opens = agent.records().filter(({ event_name }) => event_name === 'sockflow.connection.open');
      t.true(opens.length < 4 * live, 'the ring was too small for them');
      const { opened, closed, live: left, lost } = books((await agent.stop()).summary);
      t.deepEqual({ opened, closed, left, lost }, { opened: 4 * live, closed: 0, left: 4 * live, lost: {} });
    });
  });
});

serialUnlessHidden('a table that is far too small: each connection is followed or a counted loss', async (t) => {
  await withLab(t, async ({ namespace, client, server }) => {
    const live = 3000;
    await withAgent(watching(namespace, ...ENDS, '--max-connections', '1024'), async (agent) => {
      const listener = await server.listen('127.0.0.1', 4096);
      await client.do('connect-many', live, '127.0.0.1', listener.port);
      await server.do('accept-many', listener.fd, live);
      await Promise.all([client.kill(), server.kill()]);
      t.is(await allEnded(namespace), '');
      const ended = 2 * live + (await worksNormally(t, agent, namespace));
      const { records, summary } = await agent.stop();
      const { opened, closed, live: left, lost } = books(summary);
      const table = lost['kernel table_full'] ?? 0;
      t.log(summary);
      t.deepEqual(lost, { 'kernel table_full': table });
      t.true(table > 0);
      t.is(opened, ended);
      t.is(left, 0);
      t.is(opened, closed + table);
      t.is(ends(records).length, closed);
    });
  });
});

function isEnd(record: JsonRecord): boolean {
  return ends([record]).length > 0;
}

/** Of those that are still there: what was found, at start or later. */
function found(agent: Agent): JsonRecord[] {
  return agent
    .records()
    .filter((record) => attribute(record, 'sockflow.connection.pre_existing') === true && !isEnd(record));
}

function endOf(record: JsonRecord): string {
  return `${attribute(record, 'sockflow.connection.role')} ${attribute(record, 'sockflow.connection.id')}`;
}

serialUnlessHidden(
  'connections that had no room are found again when there is some: each was lost once, and lives once',
  async (t) => {
    await withLab(t, async ({ namespace, client, server, clientFile, serverFile }) => {
      const live = 3000;
      const options = ['--events', 'update,close', '--interval', '1s', '--max-connections', '1024'];
      await withAgent(watching(namespace, ...options), async (agent) => {
        const listener = await server.listen('127.0.0.1', 4096);
        await client.do('connect-many', live, '127.0.0.1', listener.port);
        await server.do('accept-many', listener.fd, live);
        // The first ones have the places; their end makes room for others.
        await client.do('close-all', 3, 1502);
        await server.do('close-all', listener.fd + 1, listener.fd + 1500);
        const owners = () => new Set(found(agent).map((record) => attribute(record, 'process.executable.path')));
        // Process by process, as far as there is room.
        await agent.waitFor('what was lost', () => owners().size === 2);
        t.deepEqual(owners(), new Set([clientFile, serverFile]));
        t.true(found(agent).every((record) => attribute(record, 'sockflow.process.attribution') === 'snapshot'));
        await Promise.all([client.kill(), server.kill()]);
        t.is(await allEnded(namespace), '');
        const { records, summary } = await agent.stop();
        t.log(summary);
        const again = ends(records).filter((record) => attribute(record, 'sockflow.connection.pre_existing')).length;
        const { opened, closed, live: left, lost } = books(summary);
        const table = lost['kernel table_full'] ?? 0;
        t.deepEqual({ left, lost }, { left: 0, lost: { 'kernel table_full': table } });
        t.is(opened, 2 * live + again, 'what is found again counts once more');
        t.is(opened, closed + table);
        t.is(ends(records).length, closed);
        t.is(new Set(ends(records).map(endOf)).size, closed, 'no end is told twice');
      });
    });
  },
);

/** Before the agent starts. */
async function crowd({ client, server }: Lab, live: number): Promise<void> {
  const listener = await server.listen('127.0.0.1', 4096);
  const accepted = server.do('accept-many', listener.fd, live);
  await client.do('connect-many', live, '127.0.0.1', listener.port);
  await accepted;
}

serialUnlessHidden('what was found at start and had no room in the ring is told later, each once', async (t) => {
  await withLab(t, async (lab) => {
    const live = 4000;
    await crowd(lab, live);
    const options = ['--events', 'update,close', '--interval', '1s', ...TINY];
    await withAgent(watching(lab.namespace, ...options), async (agent) => {
      const told = () => new Set(found(agent).map(endOf));
      await agent.waitFor('all that was there', () => told().size >= 2 * live);
      // One look more: only what moved is told again.
      await lab.client.do('send-on', 3, 4);
      const moved = ['sent', 'received'].map((way) => `sockflow.connection.${way}.bytes`);
      const having = (name: string) => found(agent).filter((record) => attribute(record, name) === 1).length;
      await agent.waitFor('updates of both ends', () => moved.every((name) => having(name) > 0));
      const still = found(agent).filter((record) => moved.every((name) => attribute(record, name) === 0));
      t.is(still.length, 2 * live);
      await Promise.all([lab.client.kill(), lab.server.kill()]);
      t.is(await allEnded(lab.namespace), '');
      const { records, summary } = await agent.stop();
      t.log(summary);
      const { opened, closed, live: left, lost } = books(summary);
      const ring = lost['kernel ring_full'] ?? 0;
      t.deepEqual(
        { opened, left, lost },
        { opened: 2 * live, left: 0, lost: ring > 0 ? { 'kernel ring_full': ring } : {} },
      );
      t.is(opened, closed + ring);
      t.is(ends(records).length, closed);
    });
  });
});

serialUnlessHidden(
  'more at start than table and ring have room for: each lives, ends or is a counted loss',
  async (t) => {
    await withLab(t, async (lab) => {
      const live = 3000;
      await crowd(lab, live);
      const options = ['--events', 'update,close', '--interval', '1s', '--max-connections', '1024', ...TINY];
      await withAgent(watching(lab.namespace, ...options), async (agent) => {
        await agent.waitFor('all that the table has room for', () => new Set(found(agent).map(endOf)).size >= 1024);
        await Promise.all([lab.client.kill(), lab.server.kill()]);
        t.is(await allEnded(lab.namespace), '');
        const { records, summary } = await agent.stop();
        t.log(summary);
        const { opened, closed, live: left, lost } = books(summary);
        const { 'kernel table_full': table = 0, 'kernel ring_full': ring = 0, ...others } = lost;
        t.deepEqual({ left, others }, { left: 0, others: {} });
        // Ends make room while the rest still lives, so some may have been found again: they count once more.
        t.true(table > 0);
        t.true(opened >= 2 * live);
        t.is(opened, closed + table + ring);
        t.is(ends(records).length, closed);
        t.is(new Set(ends(records).map(endOf)).size, closed, 'no end is told twice');
      });
    });
  },
);
