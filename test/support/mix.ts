/** Connections of all kinds, and what their records add up to. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { attribute, type JsonRecord, startAgent } from './agent.ts';
import { difference, readCounters } from './kernel-counters.ts';
import { outcome, shell } from './lab.ts';
import { type Namespace, withNamespace } from './netns.ts';
import { named } from './sockets.ts';
import { books } from './summary.ts';
import { temporaryDirectory } from './temporary.ts';

/** Two clients with four threads; a round of a thread is one attempt of each of eight kinds. No hosts file has these. */
const HOSTS = ['127.83.1.1', '127.83.1.2'];
const THREADS = 4;
const KINDS = 8;

interface Dialled {
  pid: number;
  rounds: number;
  sent: number;
  received: number;
}

/** What the records add up to; a hundred thousand of them are not kept. */
class Sums {
  readonly outcomes: Record<string, number> = {};
  readonly byOwner: Record<string, number> = {};
  retransmits = 0;
  /** Of events, which may be of several. */
  resetsSent = 0;
  segmentsSentAgain = 0;
  sent = 0;
  received = 0;

  add(record: JsonRecord, served: number): void {
    if (record.event_name === 'sockflow.connection.reset') {
      if (attribute(record, 'network.io.direction') === 'transmit')
        this.resetsSent += Number(attribute(record, 'sockflow.tcp.reset.segments'));
      return;
    }
    if (record.event_name === 'sockflow.connection.retransmit') {
      this.segmentsSentAgain += Number(attribute(record, 'sockflow.tcp.retransmit.segments'));
      return;
    }
    const role = `${attribute(record, 'sockflow.connection.role')}`;
    const how = outcome(record);
    this.outcomes[how] = (this.outcomes[how] ?? 0) + 1;
    this.retransmits += Number(attribute(record, 'sockflow.tcp.retransmits'));
    if (attribute(record, 'server.port') !== served) return;
    const owner = `${role} ${attribute(record, 'server.address')} ${attribute(record, 'process.pid')} ${attribute(record, 'process.executable.name')}`;
    this.byOwner[owner] = (this.byOwner[owner] ?? 0) + 1;
    const isClient = role === 'client';
    this.sent += Number(attribute(record, `sockflow.connection.${isClient ? 'sent' : 'received'}.bytes`));
    this.received += Number(attribute(record, `sockflow.connection.${isClient ? 'received' : 'sent'}.bytes`));
  }

  count(pattern: RegExp): number {
    return Object.entries(this.outcomes).reduce((sum, [how, n]) => sum + (pattern.test(how) ? n : 0), 0);
  }
}

async function sumUp(file: string, served: number): Promise<Sums> {
  const sums = new Sums();
  for await (const line of createInterface({ input: createReadStream(file) })) sums.add(JSON.parse(line), served);
  return sums;
}

interface Serving {
  port: number;
  pid: number;
  child: ChildProcess;
}

async function serve(namespace: Namespace, file: string): Promise<Serving> {
  const child = namespace.spawn(file, ['serve'], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!child.stdout) throw new Error('no stdout');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { listening, pid } = JSON.parse(line);
  return { port: listening, pid, child };
}

function dial(namespace: Namespace, file: string, port: number, rounds: number): Promise<Dialled[]> {
  const run = async (host: string): Promise<Dialled> =>
    JSON.parse(
      await namespace.run(file, [
        'dial',
        ...['--port', `${port}`, '--host', host, '--threads', `${THREADS}`, '--rounds', `${rounds}`],
      ]),
    );
  return Promise.all(HOSTS.map(run));
}

async function mix(t: ExecutionContext, namespace: Namespace, rounds: number, stdout: number) {
  await shell(namespace, 'sysctl -q net.ipv4.ip_local_port_range="1024 65535"');
  const args = [
    '--format',
    'json',
    '--events',
    'close,failed,retransmit,reset',
    '--network-namespace',
    `${namespace.inode}`,
  ];
  const agent = await startAgent([...args, '--ring-size', '128MiB', '--shutdown-timeout', '50s'], { stdout });
  try {
    const before = await readCounters(namespace);
    const server = await serve(namespace, named(t, 'tcp-mix', 'mix-server'));
    const dialled = await dial(namespace, named(t, 'tcp-mix', 'mix-client'), server.port, rounds);
    const ended = once(server.child, 'exit');
    server.child.stdin?.end();
    await ended;
    const kernel = difference(before, await readCounters(namespace));
    return { server, dialled, kernel, ended: await agent.stop() };
  } finally {
    await agent.kill9();
  }
}

/** At least so many connections: the records add up to the kernel's counters, to one. */
export async function addsUp(t: ExecutionContext, connections: number): Promise<void> {
  const rounds = Math.ceil(connections / (HOSTS.length * THREADS * KINDS));
  const each = HOSTS.length * THREADS * rounds;
  const file = join(temporaryDirectory(t), 'records');
  await withNamespace(async (namespace) => {
    const stdout = openSync(file, 'w');
    const { server, dialled, kernel, ended } = await mix(t, namespace, rounds, stdout);
    closeSync(stdout);
    const sums = await sumUp(file, server.port);
    const of = (name: string) => kernel[name] ?? -1;
    t.log(sums.outcomes);

    // The workload did what it says: each client also fills a queue of its own, by one connection to itself.
    t.true(of('Tcp.ActiveOpens') > connections);
    t.is(of('Tcp.ActiveOpens'), KINDS * each + HOSTS.length);

    // Each SYN that a connect sent is one client record, each child of a listener one server record.
    t.is(sums.count(/^client/), of('Tcp.ActiveOpens'));
    t.is(sums.count(/^server/), of('Tcp.PassiveOpens'));
    // The kernel counts no failure when a program gives up by itself.
    t.is(sums.count(/ failed /), of('Tcp.AttemptFails'));
    t.is(sums.count(/ cancelled /), each);
    // All resets of this workload meet connections in ESTABLISHED, and that is what EstabResets counts.
    t.is(sums.count(/ reset_(local|remote) /), of('Tcp.EstabResets'));
    // The kernel counts who dropped a connection, but for those that nobody had accepted.
    const aborts = of('TcpExt.TCPAbortOnData') + of('TcpExt.TCPAbortOnClose');
    t.is(sums.count(/ reset_local /), aborts + HOSTS.length);
    // Each of these sent a reset, and so did each port that refused, and whoever got a segment after its connection's end.
    t.is(sums.resetsSent, of('Tcp.OutRsts'));
    t.true(sums.count(/ (reset_local|refused) /) <= sums.resetsSent);
    // Nothing gets lost here, but a slow machine retransmits; SYN and SYN-ACK are in both sums.
    t.is(sums.retransmits, of('Tcp.RetransSegs'));
    t.is(sums.segmentsSentAgain, of('Tcp.RetransSegs'));

    // Both ends of each connection to the server count, hence twice; what is refused or cancelled moves nothing.
    const total = (name: 'sent' | 'received') => dialled.reduce((sum, client) => sum + client[name], 0);
    t.is(sums.sent, 2 * total('sent'));
    t.is(sums.received, 2 * total('received'));

    // The address that was dialled tells which of the clients it was.
    const wanted = dialled.flatMap(({ pid }, i) => [
      [`client ${HOSTS[i]} ${pid} mix-client`, (6 * each) / HOSTS.length],
      [`server ${HOSTS[i]} ${server.pid} mix-server`, (6 * each) / HOSTS.length],
    ]);
    t.deepEqual(sums.byOwner, Object.fromEntries(wanted));

    const { opened, closed, live, lost } = books(ended.summary);
    t.is(opened, of('Tcp.ActiveOpens') + of('Tcp.PassiveOpens'));
    t.deepEqual({ closed, live, lost }, { closed: opened, live: 0, lost: {} });
  });
}
