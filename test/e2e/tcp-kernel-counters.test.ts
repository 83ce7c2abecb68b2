import type { ExecutionContext } from 'ava';
import { attribute, ends, type JsonRecord, observe, only, withAgent, within } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { type Counters, difference, readCounters } from '../support/kernel-counters.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';
import { runAttempts } from '../support/workload.ts';

function count(records: readonly JsonRecord[], wanted: Record<string, string>): number {
  return records.filter((record) => Object.entries(wanted).every(([name, value]) => attribute(record, name) === value))
    .length;
}

function sum(records: readonly JsonRecord[], name: string): number {
  return records.reduce((total, record) => total + Number(attribute(record, name) ?? 0), 0);
}

interface Mix {
  before: Counters;
  after: Counters;
  /** Bytes that the clients say they sent and received. */
  sent: number;
  received: number;
  /** Records to come. */
  ends: number;
}

/** Every way in which a TCP socket counts: connections of each family, refused, cancelled, killed and timed-out ones. */
async function mixedWorkload(t: ExecutionContext, namespace: Namespace): Promise<Mix> {
  const before = await readCounters(namespace);
  const exchanges = [
    await exchange(t, namespace, { connections: 503, family: '4' }),
    await exchange(t, namespace, { connections: 251, family: '6', mode: 'prefork' }),
    await exchange(t, namespace, { connections: 127, family: 'mapped', mode: 'threads' }),
  ];
  const attempts = [
    await runAttempts(namespace, 'refused', { count: 101 }),
    await runAttempts(namespace, 'refused-async', { count: 53, family: '6' }),
    await runAttempts(namespace, 'cancelled', { count: 31, family: 'mapped' }),
    await runAttempts(namespace, 'killed'),
    await runAttempts(namespace, 'timed-out', { count: 2 }),
  ];
  const connections = exchanges.flatMap(({ client }) => client.connections);
  return {
    before,
    after: await readCounters(namespace),
    sent: connections.reduce((total, { sent }) => total + sent, 0),
    received: connections.reduce((total, { received }) => total + received, 0),
    ends:
      2 * connections.length +
      attempts.reduce((total, { attempts, established }) => total + attempts + 2 * established, 0),
  };
}

serialUnlessHidden("records add up to the kernel's own counters and to the workload's bytes", async (t) => {
  await withNamespace(async (namespace) => {
    let mix: Mix | undefined;
    const seen = await observe(namespace, [...only(namespace), '--events', 'open,close,failed'], async () => {
      mix = await mixedWorkload(t, namespace);
      return mix.ends;
    });
    if (!mix) throw new Error('no workload');
    const kernel = difference(mix.before, mix.after);
    const failed = seen.ends.filter((record) => record.event_name === 'sockflow.connection.failed');
    const cancelled = count(seen.ends, { 'sockflow.connection.close.reason': 'cancelled' });

    t.is(seen.ends.length, mix.ends);
    t.is(count(seen.ends, { 'sockflow.connection.role': 'client' }), kernel['Tcp.ActiveOpens'] ?? -1);
    t.is(count(seen.ends, { 'sockflow.connection.role': 'server' }), kernel['Tcp.PassiveOpens'] ?? -1);
    t.is(failed.length, kernel['Tcp.AttemptFails'] ?? -1);
    t.is(cancelled, 32, 'a connect given up by its own process is no failure to the kernel either');

    const closed = seen.ends.filter((record) => attribute(record, 'error.type') === undefined);
    const clients = closed.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
    const servers = closed.filter((record) => attribute(record, 'sockflow.connection.role') === 'server');
    t.is(sum(clients, 'sockflow.connection.sent.bytes'), mix.sent);
    t.is(sum(clients, 'sockflow.connection.received.bytes'), mix.received);
    t.is(sum(servers, 'sockflow.connection.sent.bytes'), mix.received);
    t.is(sum(servers, 'sockflow.connection.received.bytes'), mix.sent);
  });
});

serialUnlessHidden('open events: one for each end that was established', async (t) => {
  await withNamespace(async (namespace) => {
    const connections = 211;
    const seen = await observe(namespace, [...only(namespace), '--events', 'open,close,failed'], async () => {
      const done = await exchange(t, namespace, { connections });
      const { attempts } = await runAttempts(namespace, 'refused', { count: 7 });
      return done.wanted.length + attempts;
    });
    const opens = seen.within.filter((record) => record.event_name === 'sockflow.connection.open');
    t.is(count(opens, { 'sockflow.connection.role': 'client' }), connections);
    t.is(count(opens, { 'sockflow.connection.role': 'server' }), connections);
    const ids = (records: readonly JsonRecord[]) =>
      records.map((record) => `${attribute(record, 'sockflow.connection.id')}`).sort();
    const closes = seen.ends.filter((record) => record.event_name === 'sockflow.connection.close');
    t.deepEqual(ids(opens), ids(closes), 'a connection keeps its id');
  });
});

serialUnlessHidden('an agent inside the namespace sees the same, as its own network', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent(
      ['--format', 'json'],
      async (agent) => {
        const { wanted, server } = await exchange(t, namespace, { connections: 17 });
        const ours = (records: readonly JsonRecord[]) =>
          ends(records).filter(
            (record) =>
              attribute(record, 'server.port') === server.port &&
              attribute(record, 'sockflow.network.namespace') === undefined,
          );
        await agent.waitFor('the records', (records) => ours(records).length >= wanted.length);
        const { records } = await agent.stop();
        t.is(ours(records).length, wanted.length);
        t.deepEqual(within(namespace, records), []);
      },
      { namespace },
    );
  });
});
