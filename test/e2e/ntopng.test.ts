import { realpathSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { type Agent, only, withAgent } from '../support/agent.ts';
import { CLIENT_USER, type Exchange, exchange, SERVER_USER } from '../support/exchange.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { userName } from '../support/processes.ts';
import { type Flow, field, Subscriber } from '../support/subscriber.ts';
import { books } from '../support/summary.ts';
import { program, runAttempts, startServer } from '../support/workload.ts';

const CONNECTIONS = 300;
const ENDPOINT = 'tcp://127.0.0.1:1234';
const TOPICS = ['flow', 'event', 'counter', 'template', 'option', 'hello', 'listening-ports', 'snmp-ifaces', 'message'];

interface Bridge {
  readonly namespace: Namespace;
  readonly agent: Agent;
}

/** An agent in a namespace of its own, which is all that it watches. */
function withBridge(args: readonly string[], body: (bridge: Bridge) => Promise<void>): Promise<void> {
  return withNamespace((namespace) =>
    withAgent([...only(namespace), ...args], (agent) => body({ namespace, agent }), { namespace }),
  );
}

/** Those of the workload; the subscriber's own connection is a flow, too. */
function to(port: number): (flow: Flow) => boolean {
  return (flow) => flow[field.destinationPort] === port;
}

async function read(t: ExecutionContext, namespace: Namespace, subscriber: Subscriber): Promise<[Exchange, Flow[]]> {
  t.teardown(() => subscriber.kill());
  const done = await exchange(t, namespace, { connections: CONNECTIONS, prefix: 'ntopng' });
  const flows = () => subscriber.flows(to(done.server.port));
  await subscriber.until('a flow for each connection', () => flows().length >= CONNECTIONS);
  return [done, flows()];
}

/** One flow for each connection, counted once, with the process of each side on its side. */
function tellsAll(
  t: ExecutionContext,
  { client, server, clientName, serverName }: Exchange,
  flows: readonly Flow[],
): void {
  const byPort = new Map(flows.map((flow) => [flow[field.sourcePort], flow]));
  t.is(flows.length, CONNECTIONS);
  t.is(byPort.size, CONNECTIONS);
  for (const { port, sent, received } of client.connections) {
    const flow = byPort.get(port);
    t.like(flow, {
      [field.source]: '127.0.0.1',
      [field.destination]: '127.0.0.1',
      [field.protocol]: 6,
      [field.inBytes]: sent,
      [field.outBytes]: received,
      [field.sourcePid]: client.pid,
      [field.sourceUserId]: CLIENT_USER,
      [field.sourceUser]: userName(CLIENT_USER),
      [field.sourceParent]: realpathSync(process.execPath),
      [field.destinationPid]: server.pid,
      [field.destinationUserId]: SERVER_USER,
    });
    t.regex(String(flow?.[field.sourceName]), new RegExp(`/${clientName}$`));
    t.regex(String(flow?.[field.destinationName]), new RegExp(`/${serverName}$`));
  }
}

test.serial('libzmq and nDPI read a flow for each connection, with both processes', async (t) => {
  await withBridge(['-z', ENDPOINT], async ({ namespace, agent }) => {
    t.regex(agent.ready, /outputs: ntopng/);
    const subscriber = await Subscriber.start(namespace, ENDPOINT, ...TOPICS);
    await subscriber.until('an event at once', ({ messages }) => messages.length > 0);
    tellsAll(t, ...(await read(t, namespace, subscriber)));
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.like(books(summary), { unsent: 0, lost: {} });
    await subscriber.stop();
    const [first] = subscriber.messages;
    t.is(first?.topic, 'event');
    t.is(first?.json.mode, 'packet_collection');
    t.deepEqual(
      subscriber.messages.map(({ id }) => id),
      subscriber.messages.map((_, index) => index + 1),
      'none is missing, none comes twice',
    );
    t.is(new Set(subscriber.messages.map(({ source }) => source)).size, 1);
  });
});

test.serial('a reader in JavaScript gets the same', async (t) => {
  await withBridge(['--zmq', ENDPOINT], async ({ namespace }) => {
    const subscriber = await Subscriber.startInJavaScript(namespace, ENDPOINT, 'flow');
    tellsAll(t, ...(await read(t, namespace, subscriber)));
  });
});

test.serial('a c at the end: ntopng listens, sockflow connects, whoever is there first', async (t) => {
  await withBridge(['-z', `${ENDPOINT}c`], async ({ namespace }) => {
    const subscriber = await Subscriber.start(namespace, ENDPOINT, '--bind', ...TOPICS);
    tellsAll(t, ...(await read(t, namespace, subscriber)));
  });
});

test.serial('each of several endpoints gets everything', async (t) => {
  const other = 'tcp://127.0.0.1:1235';
  await withBridge(['-z', `${ENDPOINT},${other}c`, '-t'], async ({ namespace, agent }) => {
    const listening = await Subscriber.start(namespace, other, '--bind', 'flow');
    t.teardown(() => listening.kill());
    const subscriber = await Subscriber.start(namespace, ENDPOINT, ...TOPICS);
    const [done, flows] = await read(t, namespace, subscriber);
    tellsAll(t, done, flows);
    const others = () => listening.flows(to(done.server.port));
    await listening.until('as many there', () => others().length >= CONNECTIONS);
    const { summary } = await agent.stop();
    await listening.stop();
    tellsAll(t, done, others());
    // What the agent dials itself is a connection, too.
    const [, one, two] = /sent (\d+) to ntopng-[12] and (\d+) to ntopng-[12], /.exec(summary) ?? [];
    t.is(one, two, summary);
    t.true(Number(one) >= 2 * CONNECTIONS);
    t.regex(summary, /, unsent 0, lost 0$/);
  });
});

function tellerOf({ TCP_EVENT_TYPE, LOCAL_PROCESS }: Flow): string {
  return `${TCP_EVENT_TYPE} ${(LOCAL_PROCESS as never as Flow).PID}`;
}

test.serial('json and legacy: the same flows in the words of these', async (t) => {
  for (const format of ['json', 'legacy'])
    await withBridge(['-z', ENDPOINT, '--zmq-format', format], async ({ namespace, agent }) => {
      const subscriber = await (await Subscriber.start(namespace, ENDPOINT, 'flow', 'event')).known();
      t.teardown(() => subscriber.kill());
      const { client, server } = await exchange(t, namespace, { connections: 20, prefix: 'ntopng' });
      await agent.stop();
      await subscriber.stop();
      const flows = subscriber.flows((flow) => flow.L4_DST_PORT === server.port);
      t.true(subscriber.messages.every(({ version }) => version === 2));
      t.is(flows.length, format === 'json' ? 20 : 40);
      for (const { port, sent, received } of client.connections) {
        const [bytes, back] = format === 'json' ? ['IN_BYTES', 'OUT_BYTES'] : ['INITIATOR_OCTETS', 'RESPONDER_OCTETS'];
        const told = flows.filter(({ L4_SRC_PORT }) => L4_SRC_PORT === port);
        for (const flow of told) t.like(flow, { [bytes as string]: sent, [back as string]: received });
        if (format === 'json') t.like(told[0], { SRC_PROC_PID: client.pid, DST_PROC_PID: server.pid });
        else t.deepEqual(told.map(tellerOf).sort(), [`ACCEPT ${server.pid}`, `CONNECT ${client.pid}`]);
      }
    });
});

test.serial('-o and -i choose which flows; a refused connect is one, by its flags', async (t) => {
  await withBridge(['-toz', ENDPOINT], async ({ namespace, agent }) => {
    const subscriber = await (await Subscriber.start(namespace, ENDPOINT, 'flow', 'event')).known();
    t.teardown(() => subscriber.kill());
    const { port, pid } = await runAttempts(namespace, 'refused', { count: 7 });
    const done = await exchange(t, namespace, { connections: 5, prefix: 'ntopng' });
    await agent.stop();
    await subscriber.stop();
    const refused = subscriber.flows(to(port));
    t.is(refused.length, 7);
    for (const flow of refused)
      t.like(flow, { [field.clientFlags]: 2, [field.serverFlags]: 20, [field.sourcePid]: pid });
    t.is(subscriber.flows(to(done.server.port)).length, 5);
  });
});

test.serial('ports that programs listen on, with their programs', async (t) => {
  await withNamespace(async (namespace) => {
    await namespace.run('ip', ['address', 'add', '192.0.2.9/32', 'dev', 'lo']);
    const server = await startServer(namespace);
    await withAgent(
      [...only(namespace), '-z', ENDPOINT],
      async () => {
        const subscriber = await Subscriber.start(namespace, ENDPOINT, ...TOPICS);
        t.teardown(() => subscriber.kill());
        const told = () => subscriber.messages.find(({ topic }) => topic === 'listening-ports')?.json;
        await subscriber.until('a message with ports', () => told() !== undefined);
        t.deepEqual(told()['ip-addresses'], ['192.0.2.9']);
        const mine = told()['listening-ports'].tcp4.find(({ port }: { port: number }) => port === server.port);
        t.deepEqual(mine, { port: server.port, proc: program('tcp-server'), pkg: '' });
      },
      { namespace },
    );
    await server.stop();
  });
});
