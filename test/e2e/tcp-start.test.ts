import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, type JsonRecord, startAgent, withAgent, within } from '../support/agent.ts';
import { type Lab, outcome, payload, watching, withLab } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { output } from '../support/processes.ts';
import { connected, named, WRITABLE } from '../support/sockets.ts';
import { books } from '../support/summary.ts';
import { startServer } from '../support/workload.ts';

const ENDS = ['--events', 'close,failed'];

/** A connect that waits for its answer, which comes once the packet filter lets it pass. */
async function slowConnect(lab: Lab): Promise<{ fd: number; listener: { fd: number; port: number } }> {
  const listener = await lab.server.listen();
  await lab.drop();
  const fd = await lab.client.socket('127.0.0.1', { nonblocking: true });
  await lab.client.errno('connect', fd, '127.0.0.1', listener.port);
  return { fd, listener };
}

for (const mode of ['--snapshot', '--no-snapshot'])
  test.serial(
    `a connect is under way when the agent starts with ${mode}: never taken for the accepting end`,
    async (t) => {
      await withLab(t, async (lab) => {
        const { fd, listener } = await slowConnect(lab);
        await withAgent(watching(lab.namespace, ...ENDS, mode), async (agent) => {
          await lab.pass();
          await lab.client.do('poll', fd, WRITABLE);
          const accepted = await lab.server.do('accept', listener.fd);
          await lab.client.do('send', fd, 3);
          await lab.client.do('close', fd);
          await lab.server.do('drain', accepted);
          await lab.server.do('close', accepted);
          const wanted = ['client close fin_local -', 'server close fin_remote -'];
          if (mode === '--no-snapshot') wanted.shift();
          await agent.waitForEnds(lab.namespace, wanted.length);
          const { records } = await agent.stop();
          t.deepEqual(ends(records).map(outcome).sort(), wanted);
          const pids = new Map([
            ['client', lab.client.pid],
            ['server', lab.server.pid],
          ]);
          for (const record of ends(records))
            t.is(attribute(record, 'process.pid'), pids.get(`${attribute(record, 'sockflow.connection.role')}`));
        });
      });
    },
  );

test.serial('--no-snapshot: what is older stays unknown, what is new does not', async (t) => {
  await withLab(t, async (lab) => {
    const old = await connected(lab.client, lab.server);
    await withAgent(watching(lab.namespace, ...ENDS, '--no-snapshot'), async (agent) => {
      await lab.client.do('send', old.client, 10);
      await lab.client.do('close', old.client);
      await lab.server.do('drain', old.server);
      await lab.server.do('close', old.server);
      const young = await connected(lab.client, lab.server);
      await lab.client.do('close', young.client);
      await lab.server.do('drain', young.server);
      await lab.server.do('close', young.server);
      await agent.waitForEnds(lab.namespace, 2);
      const { records, summary } = await agent.stop();
      t.deepEqual([...new Set(records.map((record) => attribute(record, 'server.port')))], [young.port]);
      t.is(books(summary).opened, 2);
    });
  });
});

/** One connection that has ended in each of the namespaces; their server ports. */
async function oneEach(labs: readonly Lab[]): Promise<number[]> {
  return Promise.all(
    labs.map(async ({ client, server }) => {
      const pair = await connected(client, server);
      await client.errno('connect', await client.socket(), '10.9.0.1', 80); // no route
      await client.do('close', pair.client);
      await server.do('drain', pair.server);
      await server.do('close', pair.server);
      await Promise.all([client.exit(), server.exit()]);
      return pair.port;
    }),
  );
}

test.serial('two network namespaces at once: each record says in which it was', async (t) => {
  await withLab(t, (first) =>
    withLab(t, async (second) => {
      await withAgent(['--format', 'json', ...ENDS], async (agent) => {
        const ports = await oneEach([first, second]);
        await agent.waitForEnds(first.namespace, 3);
        await agent.waitForEnds(second.namespace, 3);
        const { records } = await agent.stop();
        for (const [i, { namespace }] of [first, second].entries()) {
          const seen = within(namespace, records).map((record) => attribute(record, 'server.port'));
          t.deepEqual(seen.sort(), [ports[i], ports[i], 80].sort());
        }
      });
    }),
  );
});

test.serial('--network-namespace: nothing of another one, not even a connect without a route', async (t) => {
  await withLab(t, (watched) =>
    withLab(t, async (other) => {
      const old = await connected(other.client, other.server);
      await withAgent(watching(watched.namespace, ...ENDS), async (agent) => {
        await other.client.do('send', old.client, 1);
        await oneEach([other]);
        await oneEach([watched]);
        await agent.waitForEnds(watched.namespace, 3);
        const { records, summary } = await agent.stop();
        t.is(ends(records).length, 3);
        t.deepEqual(
          [...new Set(records.map((r) => attribute(r, 'sockflow.network.namespace')))],
          [watched.namespace.inode],
        );
        t.is(books(summary).opened, 3);
      });
    }),
  );
});

test.serial('--network-namespace self: that of the agent', async (t) => {
  await withLab(t, (own) =>
    withLab(t, async (other) => {
      await withAgent(
        ['--format', 'json', '--network-namespace', 'self', ...ENDS],
        async (agent) => {
          await oneEach([other]);
          const [port] = await oneEach([own]);
          await agent.waitFor('three ends', (records) => ends(records).length >= 3);
          const { records } = await agent.stop();
          t.deepEqual(records.map((r) => attribute(r, 'server.port')).sort(), [port, port, 80].sort());
          t.true(records.every((r) => attribute(r, 'sockflow.network.namespace') === undefined));
        },
        { namespace: own.namespace },
      );
    }),
  );
});

interface Churned {
  port: number;
  sent: number;
  /** UNIX time in milliseconds. */
  closing: number;
}

/** Client ports come again on a fast machine; what was sent tells their connections apart. */
const exchange = (clientPort: unknown, sent: unknown) => `${clientPort} ${sent}`;

function clientSent(record: JsonRecord): string | undefined {
  return payload(record).split('/')[attribute(record, 'sockflow.connection.role') === 'client' ? 0 : 1];
}

/** Connections that begin and end before, while and after `body` runs. */
async function churning(t: ExecutionContext, namespace: Namespace, body: () => Promise<void>): Promise<Churned[]> {
  const server = await startServer(namespace, { mode: 'threads' });
  const file = named(t, 'churn', 'churn');
  const child = namespace.spawn(file, ['--port', `${server.port}`], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = output(child, 'churn');
  await Promise.race([once(child, 'spawn'), said]);
  await body();
  child.stdin?.end();
  const { connections } = JSON.parse(await said);
  await server.stop();
  return connections.map(([port, sent, , closing]: number[]) => ({ port, sent, closing: Number(closing) / 1000 }));
}

test.serial('connections that come and go while the agent starts are neither lost nor doubled', async (t) => {
  await withNamespace(async (namespace) => {
    for (let start = 0; start < 3; start++) {
      let agent: Agent | undefined;
      t.teardown(() => agent?.kill9());
      let ready = 0;
      const churned = await churning(t, namespace, async () => {
        agent = await startAgent(watching(namespace, ...ENDS, '--ring-size', '64MiB'));
        ready = Date.now();
        await agent.waitForEnds(namespace, 500);
      });
      if (!agent) throw new Error('no agent');
      const { records, summary } = await agent.stop();
      const seen = Map.groupBy(ends(records), (record) =>
        exchange(attribute(record, 'client.port'), clientSent(record)),
      );
      const mustBeSeen = churned.filter(({ closing }) => closing > ready);
      t.true(mustBeSeen.length > 100);
      const wrong = churned.filter(({ port, sent, closing }) => {
        const got = (seen.get(exchange(port, sent)) ?? []).map(outcome);
        const wanted = ['client close fin_local -', 'server close fin_remote -'];
        const complete = got.sort().join() === wanted.join();
        return closing > ready ? !complete : !(complete || got.length === 0 || wanted.includes(got.join()));
      });
      t.deepEqual(wrong.slice(0, 5), []);
      const { opened, closed, live, lost } = books(summary);
      t.deepEqual({ closed, live, lost }, { closed: opened, live: 0, lost: {} });
    }
  });
});
