import test from 'ava';
import { type Agent, attribute, ends, type JsonRecord, withAgent } from '../support/agent.ts';
import { type Lab, ofEnd, outcome, payload, watching, withLab } from '../support/lab.ts';
import type { Namespace } from '../support/netns.ts';
import { connected, named, Sockets } from '../support/sockets.ts';
import { books } from '../support/summary.ts';

/** What an agent needs to be told to watch one namespace and to report often. */
function args(namespace: Namespace, ...more: string[]): string[] {
  return watching(namespace, '--events', 'update,close,failed', '--interval', '1s', ...more);
}

function updates(records: readonly JsonRecord[]): JsonRecord[] {
  return records.filter((record) => record.event_name === 'sockflow.connection.update');
}

function deltas(record: JsonRecord): string {
  return `${attribute(record, 'sockflow.connection.sent.bytes.delta')}/${attribute(record, 'sockflow.connection.received.bytes.delta')}`;
}

function id(record: JsonRecord | undefined): unknown {
  return record && attribute(record, 'sockflow.connection.id');
}

/** The first record of each end. */
async function bothFound(agent: Agent, port: number): Promise<{ client: JsonRecord; server: JsonRecord }> {
  const find = (role: 'client' | 'server') => ofEnd(updates(agent.records()), role, port)[0];
  await agent.waitFor('both ends', () => find('client') !== undefined && find('server') !== undefined);
  const [client, server] = [find('client'), find('server')];
  if (!client || !server) throw new Error('not found');
  return { client, server };
}

interface Older {
  what: string;
  /** Brings a connection into its state; returns the bytes that moved by then, as the two ends count them. */
  prepare: (lab: Lab, client: number, server: number) => Promise<{ client: string; server: string }>;
}

const older: readonly Older[] = [
  { what: 'never used', prepare: async () => ({ client: '0/0', server: '0/0' }) },
  {
    what: 'used in both directions',
    prepare: async (lab, client, server) => {
      await lab.client.do('send', client, 100_000);
      await lab.server.do('receive', server, 100_000);
      await lab.server.do('send', server, 7);
      await lab.client.do('receive', client, 7);
      return { client: '100000/7', server: '7/100000' };
    },
  },
  {
    what: 'half-closed by the client',
    prepare: async (lab, client, server) => {
      await lab.client.do('send', client, 5);
      await lab.client.do('shutdown', client, 1);
      await lab.server.do('drain', server);
      return { client: '5/0', server: '0/5' };
    },
  },
  {
    what: 'half-closed by the server',
    prepare: async (lab, client, server) => {
      await lab.server.do('send', server, 5);
      await lab.server.do('shutdown', server, 1);
      await lab.client.do('drain', client);
      return { client: '0/5', server: '5/0' };
    },
  },
  {
    what: 'with data on its way that does not arrive',
    prepare: async (lab, client, server) => {
      await lab.drop();
      await lab.client.do('send', client, 40);
      await lab.server.do('send', server, 30);
      return { client: '40/0', server: '30/0' };
    },
  },
];

for (const { what, prepare } of older)
  test.serial(
    `a connection that is older than the agent, ${what}: found with its role, owner, id and totals`,
    async (t) => {
      await withLab(t, async (lab) => {
        const pair = await connected(lab.client, lab.server);
        const moved = await prepare(lab, pair.client, pair.server);
        await withAgent(args(lab.namespace), async (agent) => {
          const { client, server } = await bothFound(agent, pair.port);
          t.is(payload(client), moved.client);
          t.is(payload(server), moved.server);
          t.is(id(client), id(server));
          for (const record of [client, server]) {
            t.is(deltas(record), '0/0');
            t.is(attribute(record, 'sockflow.connection.pre_existing'), true);
            t.is(attribute(record, 'sockflow.connection.duration'), undefined);
            t.is(attribute(record, 'sockflow.process.attribution'), 'snapshot');
          }
          t.is(attribute(client, 'process.pid'), lab.client.pid);
          t.is(attribute(client, 'process.executable.path'), lab.clientFile);
          t.is(attribute(server, 'process.pid'), lab.server.pid);
          t.is(attribute(server, 'process.executable.path'), lab.serverFile);
        });
      });
    },
  );

test.serial('an older connection moves on and ends: only what moved since is in its deltas', async (t) => {
  await withLab(t, async (lab) => {
    const pair = await connected(lab.client, lab.server);
    await lab.client.do('send', pair.client, 1000);
    await withAgent(args(lab.namespace), async (agent) => {
      const found = await bothFound(agent, pair.port);
      await lab.client.do('send', pair.client, 23);
      await lab.server.do('send', pair.server, 45);
      await lab.server.do('receive', pair.server, 1023);
      await lab.client.do('receive', pair.client, 45);
      await lab.client.do('close', pair.client);
      await lab.server.do('drain', pair.server);
      await lab.server.do('close', pair.server);
      await agent.waitForEnds(lab.namespace, 2);
      const { records, summary } = await agent.stop();
      for (const [role, totals, moved] of [
        ['client', '1023/45', [23, 45]],
        ['server', '45/1023', [45, 23]],
      ] as const) {
        const [end, ...more] = ends(ofEnd(records, role, pair.port));
        t.deepEqual(more, []);
        if (!end) return t.fail(`no end of the ${role}`);
        t.is(outcome(end), `${role} close fin_${role === 'client' ? 'local' : 'remote'} -`);
        t.is(attribute(end, 'sockflow.connection.pre_existing'), true);
        t.is(payload(end), totals);
        t.is(id(end), id(found[role]));
        t.deepEqual(sumOfDeltas(ofEnd(records, role, pair.port)), moved);
      }
      const { opened, closed, live, lost } = books(summary);
      t.deepEqual({ opened, closed, live, lost }, { opened: 2, closed: 2, live: 0, lost: {} });
    });
  });
});

function sumOfDeltas(records: readonly JsonRecord[]): number[] {
  return ['sent', 'received'].map((way) =>
    records.reduce((sum, record) => sum + Number(attribute(record, `sockflow.connection.${way}.bytes.delta`)), 0),
  );
}

test.serial('a connection sends an update each interval while it moves and none while it is idle', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(args(lab.namespace), async (agent) => {
      const idle = await connected(lab.client, lab.server);
      const moving = await connected(lab.client, lab.server);
      const rounds = [10, 200, 3000, 40_000];
      for (const [i, bytes] of rounds.entries()) {
        await lab.client.do('send', moving.client, bytes);
        await lab.server.do('receive', moving.server, bytes);
        const total = rounds.slice(0, i + 1).reduce((a, b) => a + b);
        await agent.waitFor('the next update', (records) =>
          (['client', 'server'] as const).every((role) =>
            ofEnd(updates(records), role, moving.port).some((record) =>
              payload(record).split('/').includes(`${total}`),
            ),
          ),
        );
      }
      // The handshake moved it, too. After that there is nothing to tell of it.
      t.true(ofEnd(updates(agent.records()), 'client', idle.port).length <= 1);
      t.true(ofEnd(updates(agent.records()), 'server', idle.port).length <= 1);
      await lab.client.do('close', moving.client);
      await lab.server.do('drain', moving.server);
      await lab.server.do('close', moving.server);
      await agent.waitForEnds(lab.namespace, 2);
      const { records } = await agent.stop();
      const all = ofEnd(records, 'client', moving.port);
      t.deepEqual(sumOfDeltas(all), [43_210, 0]);
      t.deepEqual(sumOfDeltas(ofEnd(records, 'server', moving.port)), [0, 43_210]);
      t.is(new Set(all.map(id)).size, 1);
      t.true(updates(all).every((record) => attribute(record, 'network.connection.state') === 'established'));
    });
  });
});

test.serial('--idle-updates: also connections that do not move send their updates', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(args(lab.namespace, '--idle-updates'), async (agent) => {
      const idle = await connected(lab.client, lab.server);
      const seen = (role: 'client' | 'server') => ofEnd(updates(agent.records()), role, idle.port);
      await agent.waitFor('three updates', () => seen('client').length >= 3 && seen('server').length >= 3);
      t.true(seen('client').every((record) => payload(record) === '0/0' && deltas(record) === '0/0'));
    });
  });
});

test.serial('a socket is passed to another process: from then on that one is named, under the same id', async (t) => {
  await withLab(t, async (lab) => {
    const heirFile = named(t, 'sockets', 'lab-heir');
    const heir = Sockets.start(lab.namespace, heirFile);
    const pair = await connected(lab.client, lab.server); // older than the agent
    await withAgent(args(lab.namespace), async (agent) => {
      const found = await bothFound(agent, pair.port);
      const place = await heir.do('meet', 'inheritance');
      await lab.client.do('give', pair.client, 'inheritance');
      await lab.client.do('close', pair.client);
      const inherited = await heir.do('take', place);
      await heir.do('send', inherited, 77);
      const ofHeir = () =>
        ofEnd(updates(agent.records()), 'client', pair.port).filter((r) => attribute(r, 'process.pid') === heir.pid);
      await agent.waitFor('an update with the new owner', () => ofHeir().length > 0);
      await lab.client.kill();
      await heir.do('close', inherited);
      await lab.server.do('drain', pair.server);
      await lab.server.do('close', pair.server);
      await agent.waitForEnds(lab.namespace, 2);
      const { records } = await agent.stop();
      const [end] = ends(ofEnd(records, 'client', pair.port));
      t.is(id(ofHeir()[0]), id(found.client));
      t.is(id(end), id(found.client));
      t.is(end && attribute(end, 'process.pid'), heir.pid);
      t.is(end && attribute(end, 'process.executable.path'), heirFile);
    });
  });
});
