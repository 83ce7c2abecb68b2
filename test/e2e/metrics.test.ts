import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { only, startAgent } from '../support/agent.ts';
import {
  type Collector,
  type DataPoint,
  type ExponentialPoint,
  type HistogramPoint,
  lastPoints,
  readLogs,
  readMetrics,
  readSpans,
  startCollector,
  total,
} from '../support/collector.ts';
import { exchange } from '../support/exchange.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { PATIENCE, result, settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CONNECTIONS = 503;

async function watch(t: ExecutionContext, namespace: Namespace, args: readonly string[], env = {}) {
  const collector = await startCollector({ directory: temporaryDirectory(t) });
  t.teardown(() => collector.kill());
  const to = ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`];
  const agent = await startAgent([...only(namespace), '--format', 'json', ...to, ...args], {
    env: { ...process.env, ...env },
  });
  t.teardown(() => agent.kill9());
  return { agent, collector };
}

const DURATION = 'sockflow.connection.duration';
const OPENED = 'sockflow.connection.opened';
const CONNECTION_ID = 'sockflow.connection.id';

test.serial(
  'exponential histograms hold every connection, their exemplars lead to its span and its record',
  async (t) => {
    await withNamespace(async (namespace) => {
      const { agent, collector } = await watch(t, namespace, ['--histogram', 'exponential', '--traces']);
      const { wanted, clientName, serverName } = await exchange(t, namespace, { connections: CONNECTIONS });
      await agent.waitForEnds(namespace, wanted.length);
      t.is((await agent.stop()).code, 0);
      await collector.stop();
      const points = readMetrics(collector.metricsFile);
      const spans = readSpans(collector.tracesFile);
      const logs = readLogs(collector.logsFile);
      for (const service of [clientName, serverName]) {
        const [point, ...others] = lastPoints(points, DURATION, service) as ExponentialPoint[];
        t.is(others.length, 0);
        t.is(point?.type, 'exponential_histogram');
        const { count = 0, zeroCount = 0, positive, sum = 0 } = point?.value ?? {};
        t.is(count, CONNECTIONS);
        t.is((positive?.buckets.reduce((all, each) => all + each, 0) ?? 0) + zeroCount, CONNECTIONS);
        t.true(sum > 0 && (positive?.buckets.length ?? 0) <= 160);

        const exemplars = points
          .filter(({ name, attributes }) => name === DURATION && attributes['service.name'] === service)
          .flatMap((each) => each.exemplars);
        t.is(exemplars.length, 20);
        for (const { value, traceId, spanId, attributes } of exemplars) {
          const span = spans.find((one) => one.traceId === traceId && one.spanId === spanId);
          t.is(span?.resource['service.name'], service);
          t.is(span?.attributes['sockflow.connection.duration'], value);
          const id = attributes[CONNECTION_ID];
          t.is(span?.attributes[CONNECTION_ID], id);
          t.is(logs.filter((log) => log.attributes[CONNECTION_ID] === id).length, 2, 'both ends');
        }
      }
    });
  },
);

test.serial(
  'explicit histograms have exemplars of all connections on request, in the bucket that they are in',
  async (t) => {
    await withNamespace(async (namespace) => {
      const env = { OTEL_METRICS_EXEMPLAR_FILTER: 'always_on' };
      const attributes = 'service.name,process.pid';
      const { agent, collector } = await watch(t, namespace, ['--metric-attributes', attributes], env);
      const { wanted, clientName, client } = await exchange(t, namespace, { connections: CONNECTIONS });
      await agent.waitForEnds(namespace, wanted.length);
      t.is((await agent.stop()).code, 0);
      await collector.stop();
      const points = readMetrics(collector.metricsFile);
      const [point, ...others] = lastPoints(points, DURATION, clientName) as HistogramPoint[];
      t.is(others.length, 0);
      t.deepEqual(point?.attributes, { 'service.name': clientName, 'process.pid': client.pid });
      const filled = point?.value.buckets.flatMap((count, bucket) => (count > 0 ? [bucket] : []));
      const bucketOf = (value: number) => (point?.value.bounds ?? []).filter((bound) => value > bound).length;
      t.deepEqual(
        point?.exemplars.map(({ value }) => bucketOf(value)),
        filled,
      );
      t.true(
        point?.exemplars.every(({ traceId }) => traceId === ''),
        'no span is sent',
      );
      t.is(total(points, 'sockflow.connection.io', clientName, { 'network.io.direction': 'transmit' }) > 0, true);
    });
  },
);

/** All points of a service's opened connections so far. */
function openedPoints({ metricsFile }: Collector, service: string): DataPoint[] {
  const all = existsSync(metricsFile) ? readMetrics(metricsFile) : [];
  return all.filter(({ name, attributes }) => name === OPENED && attributes['service.name'] === service);
}

const latest = (points: readonly DataPoint[]) =>
  points
    .map(({ time }) => time)
    .sort(byValue)
    .at(-1) ?? 0n;
const byValue = (a: bigint, b: bigint) => (a < b ? -1 : 1);

/** The last value of each life of a series. */
function lives(points: readonly DataPoint[]): number[] {
  const byStart = Map.groupBy(points, ({ start }) => start);
  return [...byStart.values()].map((all) => Math.max(...all.map(({ value }) => Number(value))));
}

test.serial('a series that nobody uses ends after its last values, and begins anew', async (t) => {
  await withNamespace(async (namespace) => {
    const args = ['--metric-interval', '200ms', '--metric-ttl', '500ms'];
    const { agent, collector } = await watch(t, namespace, args);
    const begin = { connections: 11, prefix: `ttl${process.pid}` };
    const { clientName } = await exchange(t, namespace, begin);
    const received = () => readMetrics(collector.metricsFile).filter(({ name }) => name === 'sockflow.agent.received');
    await settled(
      () => openedPoints(collector, clientName),
      (points) => points.length > 0 && latest(received()) - latest(points) > 2_000_000_000n,
      PATIENCE,
    );
    const ended = latest(openedPoints(collector, clientName));
    await exchange(t, namespace, begin);
    await agent.stop();
    await collector.stop();
    const points = openedPoints(collector, clientName);
    const [before, after] = [points.filter(({ time }) => time <= ended), points.filter(({ time }) => time > ended)];
    const sum = (all: readonly number[]) => all.reduce((total, value) => total + value, 0);
    t.is(sum(lives(before)), 11);
    t.is(sum(lives(after)), 11, 'what had ended is not in it');
    t.true(after.every(({ start }) => start > ended));
  });
});

/** Dials each of these ports of the loopback once, from inside the namespace; nobody listens there. */
async function dial(namespace: Namespace, ports: number): Promise<void> {
  const script = `
    const { connect } = require('node:net');
    for (let port = 1; port <= ${ports}; port++) connect(port, '127.0.0.1').on('error', () => undefined);
  `;
  const { code, stderr } = await result(spawn('nsenter', [`--net=${namespace.path}`, process.execPath, '-e', script]));
  if (code !== 0) throw new Error(stderr);
}

test.serial('beyond the limit one series has all the others; deltas add up to what happened', async (t) => {
  const PORTS = 97;
  await withNamespace(async (namespace) => {
    const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' };
    const args = ['--metric-limit', '10', '--metric-interval', '300ms'];
    const { agent, collector } = await watch(t, namespace, args, env);
    await dial(namespace, PORTS);
    await agent.waitForEnds(namespace, PORTS);
    await dial(namespace, PORTS);
    await agent.waitForEnds(namespace, 2 * PORTS);
    t.is((await agent.stop()).code, 0);
    await collector.stop();
    const all = readMetrics(collector.metricsFile);
    const points = all.filter(({ name }) => name === 'sockflow.connection.failed');
    t.true(points.every(({ temporality }) => temporality === 'delta'));
    const sum = (some: readonly DataPoint[]) => some.reduce((before, { value }) => before + Number(value), 0);
    t.is(sum(points), 2 * PORTS);
    const isOverflow = ({ attributes }: DataPoint) => attributes['otel.metric.overflow'] === true;
    const ports = new Set(
      points.filter((point) => !isOverflow(point)).map(({ attributes }) => attributes['server.port']),
    );
    // Resets that belong to no connection may take a place, too.
    t.true(ports.size === 8 || ports.size === 9, `${ports.size}`);
    t.is(sum(points.filter(isOverflow)), 2 * (PORTS - ports.size));
    const series = Map.groupBy(all, ({ name }) => name);
    for (const [name, some] of series) {
      const sets = new Set(some.map(({ attributes }) => JSON.stringify(Object.entries(attributes).sort())));
      if (!name.startsWith('sockflow.agent.')) t.true(sets.size <= 10, `${sets.size} series of ${name}`);
    }
    for (const { start, time } of points) t.true(start < time);
  });
});

test.serial("the agent's own books are in each collection, and add up", async (t) => {
  await withNamespace(async (namespace) => {
    const { agent, collector } = await watch(t, namespace, ['--metric-interval', '300ms']);
    const { wanted } = await exchange(t, namespace, { connections: CONNECTIONS });
    await agent.waitForEnds(namespace, wanted.length);
    t.is((await agent.stop()).code, 0);
    await collector.stop();
    const points = readMetrics(collector.metricsFile).filter(({ name }) => name.startsWith('sockflow.agent.'));
    const collections = [...Map.groupBy(points, ({ time }) => time).values()];
    for (const transport of ['tcp', 'udp']) {
      const books = collections.map((collection) => {
        const of = (which: string) =>
          collection.find(
            ({ name, attributes }) =>
              name === `sockflow.agent.connection.${which}` && attributes['network.transport'] === transport,
          )?.value as number;
        return { opened: of('opened'), closed: of('closed'), live: of('live') };
      });
      books.forEach(({ opened, closed, live }, index) => {
        // How many live is counted by a walk: what begins or ends meanwhile is in the next collection. In the last nothing does.
        const [before, after] = [books[index - 1] ?? { opened: 0, closed: 0 }, books[index + 1] ?? { opened, closed }];
        const moved = index === books.length - 1 ? 0 : after.opened - before.opened + after.closed - before.closed;
        t.true(
          Math.abs(opened - closed - live) <= moved,
          `${transport}, nothing was lost: ${opened}, ${closed}, ${live}`,
        );
      });
    }
    const last = collections.at(-1) ?? [];
    const names = new Set(last.map(({ name }) => name));
    for (const name of ['cpu.time', 'memory.usage', 'eventloop.delay', 'capability', 'queue.size', 'export.duration'])
      t.true(names.has(`sockflow.agent.${name}`), name);
    const cpu = last.filter(({ name }) => name === 'sockflow.agent.cpu.time');
    t.deepEqual(cpu.map(({ attributes }) => attributes['cpu.mode']).sort(), ['system', 'user']);
    t.true(cpu.every(({ value, unit }) => Number(value) > 0 && unit === 's'));
  });
});
