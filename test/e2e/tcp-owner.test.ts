import test, { type ExecutionContext } from 'ava';
import { attribute, observe, only, withAgent } from '../support/agent.ts';
import { type Exchange, type ExchangeOptions, exchange } from '../support/exchange.ts';
import { faults, idFaults } from '../support/expected.ts';
import { ofEnd, watching, withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import type { ServerMode } from '../support/workload.ts';

const CONNECTIONS = 1009;

/** Every connection of the exchange has exactly its two records, and these say what the workload says. */
async function ownersAreRight(t: ExecutionContext, options: Omit<ExchangeOptions, 'connections'>): Promise<Exchange> {
  return withNamespace(async (namespace) => {
    let done: Exchange | undefined;
    const seen = await observe(namespace, only(namespace), async () => {
      done = await exchange(t, namespace, { connections: CONNECTIONS, ...options });
      return done.wanted.length;
    });
    if (!done) throw new Error('no exchange');
    const byRole = Map.groupBy(seen.ends, (record) => attribute(record, 'sockflow.connection.role'));
    t.is(done.served.length, CONNECTIONS);
    t.is(byRole.get('client')?.length, CONNECTIONS);
    t.is(byRole.get('server')?.length, CONNECTIONS);
    t.true(seen.ends.every((record) => record.event_name === 'sockflow.connection.close'));
    t.deepEqual(faults(seen.ends, done.wanted), []);
    t.deepEqual(idFaults(seen.ends), []);
    return done;
  });
}

test.serial('IPv4: both ends name their own process, program, user and parent', async (t) => {
  await ownersAreRight(t, { family: '4' });
});

test.serial('IPv6: both ends name their own process, program, user and parent', async (t) => {
  await ownersAreRight(t, { family: '6' });
});

test.serial('an IPv6 socket that speaks IPv4 gives IPv4 records with plain addresses', async (t) => {
  await ownersAreRight(t, { family: 'mapped' });
});

/** Where the process that serves is another one than the one that listens. */
async function servedByAnother(t: ExecutionContext, mode: ServerMode): Promise<void> {
  const { server, served } = await ownersAreRight(t, { mode });
  t.false(
    served.some(({ pid }) => pid === server.pid),
    'the workload did what its mode says',
  );
}

test.serial('a parent listens and its children accept: the child owns the connection', async (t) => {
  await servedByAnother(t, 'prefork');
});

test.serial('threads accept: their process owns the connection', async (t) => {
  const { server, served } = await ownersAreRight(t, { mode: 'threads' });
  t.true(served.every(({ pid }) => pid === server.pid));
});

test.serial('a descriptor is handed over to another process: that one owns the connection', async (t) => {
  await servedByAnother(t, 'handover');
});

test.serial('a descriptor is handed over and the giver closes last: the user still owns it', async (t) => {
  await servedByAnother(t, 'handover-late');
});

test.serial('accept, fork, exec: the program that serves owns the connection', async (t) => {
  await servedByAnother(t, 'exec');
});

test.serial('a listener inherited by another program: the program that accepts owns the connection', async (t) => {
  await servedByAnother(t, 'activation');
});

test.serial('what waits to be accepted is of who listens, on one address, on all, and on all behind one', async (t) => {
  await withLab(t, async (lab) => {
    await withAgent(watching(lab.namespace, '--events', 'open'), async (agent) => {
      const ofListener = async (port: number, times: number, address = '127.0.0.1') => {
        await lab.client.connect(address, port);
        await agent.waitFor('the server side', () => ofEnd(agent.records(), 'server', port).length === times);
        const record = ofEnd(agent.records(), 'server', port).at(-1);
        t.like(
          { ...record?.resource, ...record?.attributes },
          {
            'process.pid': lab.server.pid,
            'process.executable.path': lab.serverFile,
            'sockflow.process.attribution': 'listener',
          },
        );
      };
      const { fd, port } = await lab.server.listen('127.0.0.1');
      await ofListener(port, 1);
      await ofListener((await lab.server.listen('0.0.0.0')).port, 1);
      await ofListener((await lab.server.listen('::1')).port, 1, '::1');
      await ofListener((await lab.server.listen('::')).port, 1, '::1');
      await lab.server.do('close', fd);
      await lab.server.listen('0.0.0.0', 128, 0, port);
      await ofListener(port, 2);
    });
  });
});
