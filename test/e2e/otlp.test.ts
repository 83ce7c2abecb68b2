import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, ends, type JsonRecord, only, startAgent, within } from '../support/agent.ts';
import { asJson } from '../support/as-json.ts';
import {
  type Collector,
  type CollectorOptions,
  freePort,
  lastPoints,
  readLogs,
  readMetrics,
  startCollector,
  total,
} from '../support/collector.ts';
import { type Exchange, exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { copyOf, runAttempts } from '../support/workload.ts';

const CONNECTIONS = 1009;
const WAIT = 30_000;

async function collectorFor(t: ExecutionContext, options: Partial<CollectorOptions> = {}): Promise<Collector> {
  const collector = await startCollector({ directory: temporaryDirectory(t), ...options });
  t.teardown(() => collector.kill());
  return collector;
}

async function agentFor(
  t: ExecutionContext,
  namespace: Namespace,
  args: readonly string[],
  stdout?: number,
): Promise<Agent> {
  const agent = await startAgent([...only(namespace), ...args], stdout === undefined ? {} : { stdout });
  t.teardown(() => agent.kill9());
  return agent;
}

function endpoint(port: number): string[] {
  return ['--otlp-endpoint', `http://127.0.0.1:${port}`];
}

/** What the Collector has written about a namespace; none while it has not written anything. */
function received(collector: Collector, namespace: Namespace): JsonRecord[] {
  return existsSync(collector.logsFile) ? within(namespace, readLogs(collector.logsFile).map(asJson)) : [];
}

async function receivedAll(collector: Collector, namespace: Namespace, count: number): Promise<JsonRecord[]> {
  return settled(
    () => received(collector, namespace),
    (records) => ends(records).length >= count,
    WAIT,
  );
}

/** Neither process nor connection belongs here: a key that makes two orders of the same records comparable. */
function sortKey({ attributes }: JsonRecord): string {
  return `${attributes['sockflow.connection.role']} ${attributes['client.port']} ${attributes['network.peer.port']}`;
}

function sorted(records: readonly JsonRecord[]): JsonRecord[] {
  return [...records].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** 64-bit integers are numbers or strings in JSON lines and numbers or bigints here. */
function comparable(record: JsonRecord): unknown {
  return JSON.parse(JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
}

test.serial('the Collector has the same records as stdout, one resource for each process', async (t) => {
  const collector = await collectorFor(t);
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, ['--format', 'json', ...endpoint(collector.grpcPort)]);
    const { wanted, client, served } = await exchange(t, namespace, { connections: CONNECTIONS, mode: 'prefork' });
    await agent.waitForEnds(namespace, wanted.length);
    const ended = await agent.stop();
    t.is(ended.code, 0);
    await collector.stop();
    const printed = ends(within(namespace, ended.records));
    const logs = readLogs(collector.logsFile);
    const delivered = within(namespace, logs.map(asJson));

    t.is(delivered.length, 2 * CONNECTIONS);
    t.deepEqual(faults(delivered, wanted), []);
    t.deepEqual(sorted(delivered).map(comparable), sorted(printed).map(comparable));

    const owners = new Set(delivered.map(({ resource }) => Number(resource['process.pid'])));
    const users = new Set([client.pid, ...served.map(({ pid }) => pid)]);
    t.deepEqual([...owners].sort(), [...users].sort());
    for (const pid of owners) {
      const resources = delivered.filter(({ resource }) => resource['process.pid'] === pid);
      t.is(new Set(resources.map(({ resource }) => JSON.stringify(resource))).size, 1, `one resource for pid ${pid}`);
    }
    t.true(logs.every(({ scope }) => scope.name === 'sockflow'));
  });
});

/** With what its resource says on the record itself. */
function flat({ resource, attributes, ...record }: JsonRecord): JsonRecord {
  return { ...record, resource: {}, attributes: { ...resource, ...attributes } };
}

test.serial(
  'with --identity record the Collector has one resource, and all that is known on each record',
  async (t) => {
    const collector = await collectorFor(t);
    await withNamespace(async (namespace) => {
      const to = endpoint(collector.grpcPort);
      const agent = await agentFor(t, namespace, ['--format', 'json', '--identity', 'record', '--traces', ...to]);
      const { wanted } = await exchange(t, namespace, { connections: 101, mode: 'prefork' });
      await agent.waitForEnds(namespace, wanted.length);
      const ended = await agent.stop();
      t.is(ended.code, 0);
      await collector.stop();
      const delivered = within(namespace, readLogs(collector.logsFile).map(asJson));
      t.deepEqual([...new Set(delivered.flatMap(({ resource }) => Object.keys(resource)))].sort(), [
        ...['host.id', 'host.name', 'os.type', 'telemetry.distro.name', 'telemetry.distro.version'],
      ]);
      const printed = ends(within(namespace, ended.records));
      t.deepEqual(sorted(delivered.map(flat)).map(comparable), sorted(printed.map(flat)).map(comparable));
      // Back ends have the service of a span from its resource.
      t.true(readFileSync(collector.tracesFile, 'utf8').includes('"key":"process.pid"'));
    });
  },
);

for (const protocol of ['http/protobuf', 'http/json'])
  test.serial(`over ${protocol}, compressed, the Collector has the records and the metrics, too`, async (t) => {
    const collector = await collectorFor(t);
    await withNamespace(async (namespace) => {
      const to = ['--otlp-endpoint', `http://127.0.0.1:${collector.httpPort}`, '--otlp-protocol', protocol];
      const agent = await agentFor(t, namespace, ['--format', 'json', '--otlp-compression', 'gzip', ...to]);
      const { wanted, clientName } = await exchange(t, namespace, { connections: 211 });
      await agent.waitForEnds(namespace, wanted.length);
      const ended = await agent.stop();
      t.is(ended.code, 0);
      await collector.stop();
      const printed = ends(within(namespace, ended.records));
      const delivered = within(namespace, readLogs(collector.logsFile).map(asJson));
      t.deepEqual(sorted(delivered).map(comparable), sorted(printed).map(comparable));
      const points = readMetrics(collector.metricsFile);
      t.is(total(points, 'sockflow.connection.closed', clientName), 211);
      t.is(total(points, 'sockflow.connection.duration', clientName), 211);
    });
  });

function bytes(done: Exchange, direction: 'sent' | 'received'): number {
  return done.client.connections.reduce((sum, connection) => sum + connection[direction], 0);
}

test.serial('metrics add up to the workload', async (t) => {
  const collector = await collectorFor(t);
  const prefix = `metrics${process.pid}`;
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, [
      '--format',
      'json',
      '--metric-interval',
      '1s',
      ...endpoint(collector.grpcPort),
    ]);
    const dialler = `${prefix}-dialler`;
    const done = await exchange(t, namespace, { connections: CONNECTIONS, prefix });
    const failures = await runAttempts(namespace, 'refused', {
      file: copyOf('attempts', temporaryDirectory(t), dialler),
      count: 101,
    });
    await agent.waitForEnds(namespace, done.wanted.length + failures.attempts);
    t.is((await agent.stop()).code, 0);
    await collector.stop();

    const points = readMetrics(collector.metricsFile);
    const of = (name: string, service: string, having = {}) => total(points, name, service, having);
    for (const service of [done.clientName, done.serverName]) {
      t.is(of('sockflow.connection.opened', service), CONNECTIONS, service);
      t.is(of('sockflow.connection.closed', service), CONNECTIONS, service);
      t.is(of('sockflow.connection.failed', service), 0, service);
      t.is(of('sockflow.connection.count', service), 0, service);
      t.is(of('sockflow.connection.duration', service), CONNECTIONS, service);
      t.is(of('sockflow.tcp.rtt', service), CONNECTIONS, service);
    }
    t.is(of('sockflow.tcp.handshake.duration', done.clientName), CONNECTIONS);
    t.is(of('sockflow.tcp.handshake.duration', done.serverName), 0);

    const transmit = { 'network.io.direction': 'transmit' };
    const receive = { 'network.io.direction': 'receive' };
    t.is(of('sockflow.connection.io', done.clientName, transmit), bytes(done, 'sent'));
    t.is(of('sockflow.connection.io', done.clientName, receive), bytes(done, 'received'));
    t.is(of('sockflow.connection.io', done.serverName, transmit), bytes(done, 'received'));
    t.is(of('sockflow.connection.io', done.serverName, receive), bytes(done, 'sent'));

    const refused = { 'error.type': 'connection_refused' };
    t.is(of('sockflow.connection.failed', dialler, refused), failures.attempts);
    // As for the kernel's ActiveOpens, an attempt counts: opened = closed + failed + count.
    t.is(of('sockflow.connection.opened', dialler), failures.attempts);
    t.is(of('sockflow.connection.closed', dialler), 0);
    t.is(of('sockflow.connection.count', dialler), 0);

    const [opened] = lastPoints(points, 'sockflow.connection.opened', done.clientName);
    t.is(opened?.unit, '{connection}');
    t.is(opened?.attributes['server.port'], done.server.port);
    t.is(opened?.attributes['sockflow.connection.role'], 'client');
  });
});

test.serial('a Collector that is absent at start gets the records when it comes', async (t) => {
  const grpcPort = await freePort();
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, ['--format', 'json', ...endpoint(grpcPort)]);
    const { wanted } = await exchange(t, namespace, { connections: 307 });
    await agent.waitForEnds(namespace, wanted.length);
    const collector = await collectorFor(t, { ports: { grpcPort } });
    await receivedAll(collector, namespace, wanted.length);
    t.is((await agent.stop()).code, 0);
    await collector.stop();
    t.deepEqual(faults(received(collector, namespace), wanted), []);
  });
});

test.serial('a Collector that never comes does not stop the agent, nor hold up its end', async (t) => {
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, [
      '--format',
      'json',
      '--shutdown-timeout',
      '1s',
      ...endpoint(await freePort()),
    ]);
    const { wanted } = await exchange(t, namespace, { connections: 101 });
    await agent.waitForEnds(namespace, wanted.length);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.regex(summary, /unsent/);
  });
});

/** A pipe that has both ends open and that nobody reads: it takes 64 KiB, then a writer waits for ever. */
function unreadPipe(t: ExecutionContext): number {
  const path = join(temporaryDirectory(t), 'pipe');
  spawnSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR);
  t.teardown(() => closeSync(fd));
  return fd;
}

test.serial('a stdout that nobody reads holds up neither capture nor OTLP', async (t) => {
  const collector = await collectorFor(t);
  const args = ['--format', 'json', '--shutdown-timeout', '1s', ...endpoint(collector.grpcPort)];
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, args, unreadPipe(t));
    const { wanted } = await exchange(t, namespace, { connections: CONNECTIONS });
    const delivered = await receivedAll(collector, namespace, wanted.length);
    t.deepEqual(faults(delivered, wanted), []);
    t.is((await agent.stop()).code, 0);
  });
});
