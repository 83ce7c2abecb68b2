import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, only, withAgent } from '../support/agent.ts';
import { shell } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { eventually } from '../support/processes.ts';
import { type Flow, field, Subscriber } from '../support/subscriber.ts';
import { type Books, books } from '../support/summary.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';
import { runClient, startServer } from '../support/workload.ts';

const ENDPOINT = 'tcp://127.0.0.1:1234';

interface Bridge {
  readonly namespace: Namespace;
  readonly agent: Agent;
  /** Makes connections to a server of its own; says to which port. */
  connect(count: number, clients?: number): Promise<number>;
}

/** Of each connection one end is told, so that a record is a flow. Whoever reads is a connection, too. */
function withBridge(args: readonly string[], body: (bridge: Bridge) => Promise<void>): Promise<void> {
  return withNamespace(async (namespace) => {
    const options = [...only(namespace), '-t', '-o', '-z', ENDPOINT, ...args];
    await withAgent(options, (agent) => body({ namespace, agent, connect: (...how) => connect(namespace, ...how) }), {
      namespace,
    });
  });
}

async function connect(namespace: Namespace, count: number, clients = 1): Promise<number> {
  const server = await startServer(namespace);
  const { port } = server;
  await Promise.all(
    Array.from({ length: clients }, () => runClient(namespace, { port, connections: count / clients })),
  );
  await server.stop();
  return port;
}

async function subscribe(t: ExecutionContext, namespace: Namespace, ...args: string[]): Promise<Subscriber> {
  const subscriber = await Subscriber.start(namespace, ENDPOINT, 'flow', 'event', ...args);
  t.teardown(() => subscriber.kill());
  return subscriber;
}

function to(...ports: readonly number[]): (flow: Flow) => boolean {
  return (flow) => ports.includes(Number(flow[field.destinationPort]));
}

/** Each flow is sent, unsent or lost for want of room. Returns how many were lost. */
function lostOf(t: ExecutionContext, { sent, unsent, lost }: Books, flows: number): number {
  const count = lost['export ntopng_queue_full'] ?? 0;
  t.is(sent + unsent + count, flows);
  t.deepEqual(
    Object.keys(lost).filter((reason) => reason !== 'export ntopng_queue_full'),
    [],
  );
  return count;
}

test.serial('who comes late gets what was before', async (t) => {
  await withBridge([], async ({ namespace, agent, connect }) => {
    const port = await connect(1_000);
    const subscriber = await subscribe(t, namespace);
    await subscriber.until('what waited', (all) => all.flows(to(port)).length >= 1_000);
    const again = await connect(500);
    const { summary } = await agent.stop();
    await subscriber.stop();
    t.is(subscriber.flows(to(port)).length, 1_000);
    t.is(subscriber.flows(to(again)).length, 500);
    t.like(books(summary), { unsent: 0, lost: {} });
  });
});

test.serial('who leaves and comes again gets the rest', async (t) => {
  await withBridge([], async ({ namespace, agent, connect }) => {
    const first = await subscribe(t, namespace);
    const before = await connect(100);
    await first.until('the first ones', (all) => all.flows(to(before)).length === 100);
    await first.kill();
    // What is on its way to one who has just died is lost: until the agent has closed its end.
    const sockets = () => shell(namespace, "ss -Htan exclude listening exclude time-wait 'sport = :1234'");
    await eventually('the end of the connection', sockets, (left) => left === '');
    const between = await connect(400);
    const second = await subscribe(t, namespace);
    await second.until('the rest', (all) => all.flows(to(between)).length >= 400);
    const { summary } = await agent.stop();
    await second.stop();
    t.is(second.flows(to(between)).length, 400);
    t.is(second.flows(to(before)).length, 0);
    t.like(books(summary), { unsent: 0, lost: {} });
  });
});

test.serial('nobody there: what waits is bounded, what has no room is counted, the latest is kept', async (t) => {
  await withBridge(['--queue-size', '1MiB'], async ({ namespace, agent, connect }) => {
    const ports = [await connect(6_000, 4), await connect(6_000, 4)];
    const subscriber = await (await subscribe(t, namespace)).known();
    const latest = await connect(100);
    const { summary } = await agent.stop();
    await subscriber.stop();
    const flows = subscriber.flows(to(...ports, latest));
    t.log(summary);
    const lost = lostOf(t, books(summary), 12_100);
    t.true(lost > 0);
    t.is(flows.length, 12_100 - lost);
    t.is(subscriber.flows(to(latest)).length, 100);
    const drops = subscriber.messages.findLast(({ topic }) => topic === 'event')?.json.drops.export_queue_full;
    t.is(drops, lost, 'ntopng is told');
  });
});

test.serial('nobody comes: the end says what was not sent', async (t) => {
  await withBridge([], async ({ agent, connect }) => {
    await connect(300);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.like(books(summary), { sent: 0, unsent: 300, lost: {} });
  });
});

/** What the kernel keeps for a reader that stands still comes before what the agent counts: less of that. */
const SMALL_BUFFERS = ['net.ipv4.tcp_rmem=4096 65536 65536', 'net.ipv4.tcp_wmem=4096 65536 65536'];

test.serial('one that stands still: nothing is held without bound, and it gets the rest when it goes on', async (t) => {
  await withBridge(['--queue-size', '1MiB'], async ({ namespace, agent, connect }) => {
    await namespace.run('sysctl', ['-q', '-w', ...SMALL_BUFFERS]);
    const subscriber = await (await subscribe(t, namespace, '--hwm', '1')).known();
    process.kill(subscriber.pid, 'SIGSTOP');
    const port = await connect(10_000, 4);
    process.kill(subscriber.pid, 'SIGCONT');
    const latest = await connect(100);
    const { summary } = await agent.stop();
    await subscriber.stop();
    t.log(summary);
    const lost = lostOf(t, books(summary), 10_100);
    t.true(lost > 0);
    t.is(subscriber.flows(to(port, latest)).length, 10_100 - lost);
    t.is(subscriber.flows(to(latest)).length, 100);
  });
});

serialUnlessHidden('20,000 connections as fast as they can be made: none is lost', async (t) => {
  await withBridge([], async ({ namespace, agent, connect }) => {
    const subscriber = await (await subscribe(t, namespace)).known();
    const began = performance.now();
    const port = await connect(20_000, 4);
    t.log(`${Math.round(20_000 / ((performance.now() - began) / 1000))} connections/s`);
    const { summary } = await agent.stop();
    await subscriber.stop();
    const flows = subscriber.flows(to(port));
    t.log(summary);
    t.is(flows.length, 20_000);
    t.like(books(summary), { unsent: 0, lost: {} });
  });
});

const curves = [
  { title: 'ntopng connects, the key as its file has it', connects: false, form: (key: string) => key },
  {
    title: 'ntopng listens, the key as its pages show it',
    connects: true,
    form: (key: string) => Buffer.from(key).toString('hex'),
  },
];
for (const { title, connects, form } of curves)
  test.serial(`encrypted: ${title}`, async (t) => {
    const file = join(temporaryDirectory(t), 'zmq-key.pub');
    await withNamespace(async (namespace) => {
      const bind = connects ? ['--bind'] : [];
      const subscriber = await Subscriber.start(namespace, ENDPOINT, 'flow', 'event', ...bind, '--curve', file);
      t.teardown(() => subscriber.kill());
      const key = form(readFileSync(file, 'latin1'));
      const endpoint = connects ? `${ENDPOINT}c` : ENDPOINT;
      const args = [...only(namespace), '-z', endpoint, '--zmq-encryption-key', key];
      await withAgent(
        args,
        async (agent) => {
          await subscriber.known();
          const port = await connect(namespace, 100);
          await agent.stop();
          await subscriber.stop();
          t.is(subscriber.flows(to(port)).length, 100);
        },
        { namespace },
      );
    });
  });

for (const [title, args] of [
  ['without the key', []],
  ['with a wrong key', ['--zmq-encryption-key', 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7']],
] as const)
  test.serial(`an ntopng that wants encryption, ${title}: nothing gets out, and it is said`, async (t) => {
    const file = join(temporaryDirectory(t), 'zmq-key.pub');
    await withBridge(args, async ({ namespace, agent, connect }) => {
      const subscriber = await Subscriber.start(namespace, ENDPOINT, 'flow', '--curve', file);
      t.teardown(() => subscriber.kill());
      await connect(50);
      await eventually(
        'a word about it',
        () => agent.stderr,
        (text) => /do not understand each other: .*--zmq-encryption-key/.test(text),
      );
      const { summary } = await agent.stop();
      t.like(books(summary), { sent: 0 });
      await subscriber.stop();
      t.deepEqual(subscriber.messages, []);
    });
  });
