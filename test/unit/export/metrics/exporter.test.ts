import { status } from '@grpc/grpc-js';
import test from 'ava';
import { losses } from '../../../../src/cli/books.ts';
import { Delivery } from '../../../../src/export/otlp/delivery.ts';
import { createOtlpMetricsExporter } from '../../../../src/export/otlp/metrics/exporter.ts';
import { agentMetrics, connectionMetrics } from '../../../../src/export/semconv.ts';
import { type KernelCounts, Ledger } from '../../../../src/ledger.ts';
import { of, owner } from '../../../support/metrics.ts';
import { type DecodedMetric, decodeMetrics } from '../../../support/otlp-decode.ts';
import { host, makeRecord } from '../../../support/otlp-records.ts';
import { startOtlpServer } from '../../../support/otlp-server.ts';
import { ok, refused, scriptedTransport } from '../../../support/scripted-transport.ts';

test.serial('metrics arrive at a server: resource, scope, sums, histograms and the books of the agent', async (t) => {
  const server = await startOtlpServer({ service: 'metrics' });
  t.teardown(() => server.stop());
  const ledger = new Ledger();
  ledger.received = 1013;
  ledger.lose('export', 'queue_full', 11);
  ledger.deliver('otlp-logs', 1002);
  for (let number = 0; number < 3; number++) ledger.fault('enrich', 'geoip');
  const kernelCounts = () => ({
    opened: 9,
    closed: 5,
    live: 4,
    lost: { table_full: 0, ring_full: 7 },
    dropped: {},
    udp: { opened: 3, closed: 1, live: 2 },
    folded: 8,
  });
  const transport = scriptedTransport((_, number) => (number === 0 ? refused('retry', 'unavailable') : ok));
  const delivery = new Delivery({
    name: 'x',
    title: 'x',
    transport,
    ledger: new Ledger(),
    say: () => {},
    limits: { retryMs: [1, 1] },
  });
  const options = {
    endpoint: server.endpoint,
    host,
    ledger,
    kernelCounts,
    losses: (counts: KernelCounts) => losses(ledger, counts),
    queues: () => new Map([['otlp-logs', 17]]),
    deliveries: new Map([['otlp-logs', delivery]]),
  };
  const before = BigInt(Date.now()) * 1_000_000n;
  const exporter = createOtlpMetricsExporter({ ...options, extra: { site: 'x' } }, (message) => t.fail(message));
  const after = BigInt(Date.now()) * 1_000_000n;
  delivery.push({ bytes: new Uint8Array(9), count: 1 });
  await transport.until(() => transport.accepted.length === 1);
  await delivery.shutdown(performance.now() + 60_000);
  exporter.export(Array.from({ length: 1009 }, (_, number) => makeRecord(number, { process: owner })));
  await exporter.shutdown(performance.now() + 60_000);
  t.is(server.accepted.length, 1);
  const [resource] = decodeMetrics(server.accepted[0] as Buffer);
  t.like(resource?.attributes, {
    'service.name': { value: 'sockflow' },
    'host.name': { value: host.name },
    'telemetry.distro.version': { value: host.agentVersion },
    site: { value: 'x' },
  });
  const metrics = resource?.scopes.flatMap(({ items }) => items) ?? [];
  const find = (name: string) => metrics.find((metric) => metric.name === name) as DecodedMetric;
  t.like(find('sockflow.connection.closed'), { kind: 'sum', monotonic: true, temporality: 2, unit: '{connection}' });
  t.is(find('sockflow.connection.closed').points[0]?.value, 1009);
  t.like(find('sockflow.connection.count'), { kind: 'sum', monotonic: false });
  const duration = find('sockflow.connection.duration');
  t.like(duration.points[0], { count: 1009, bounds: connectionMetrics.duration.bounds });
  t.is(duration.points[0]?.sum?.toFixed(6), (1009 * 0.012345678).toFixed(6));
  t.is(find(agentMetrics.received.name).points[0]?.value, 1013);
  const lost = find(agentMetrics.lost.name).points.map(({ attributes, value }) => {
    const of = (name: string) => attributes[`sockflow.agent.${name}`]?.value;
    return [of('stage'), of('reason'), value];
  });
  t.deepEqual(lost.sort(), [
    ['export', 'queue_full', 11],
    ['kernel', 'ring_full', 7],
    ['kernel', 'table_full', 0],
  ]);
  for (const { name } of [agentMetrics.lost, agentMetrics.received, agentMetrics.opened])
    for (const { startTime, time } of find(name).points)
      t.true(startTime >= before && startTime <= after && startTime < time, `${name} began with the agent`);
  t.like(find(agentMetrics.faults.name).points[0], {
    value: 3,
    attributes: { 'sockflow.agent.stage': { value: 'enrich' }, 'sockflow.agent.what': { value: 'geoip' } },
  });
  t.is(find(agentMetrics.sent.name).points[0]?.value, 1002);
  t.deepEqual(
    find(agentMetrics.queue.name).points.map(({ attributes, value }) => [
      attributes['sockflow.agent.exporter']?.value,
      value,
    ]),
    [
      ['otlp-logs', 17],
      ['otlp-metrics', 0],
    ],
  );
  const requests = find(agentMetrics.exportDuration.name).points;
  t.deepEqual(requests.map(({ count, attributes }) => [count, attributes['error.type']?.value]).sort(), [
    [1, undefined],
    [1, 'unavailable'],
  ]);
  t.is(find(agentMetrics.exportRetries.name).points[0]?.value, 1);
  t.is(find(agentMetrics.exportRenewals.name).points[0]?.value, 0);
  t.deepEqual(
    find(agentMetrics.live.name).points.map(({ value, attributes }) => [attributes['network.transport']?.value, value]),
    [
      ['tcp', 4],
      ['udp', 2],
    ],
  );
  t.is(find(agentMetrics.folded.name).points[0]?.value, 8);
});

test('what the server says is said once, and the end keeps its deadline', async (t) => {
  const denied = { code: status.PERMISSION_DENIED, details: 'not you' };
  const server = await startOtlpServer({ service: 'metrics', script: [denied, denied, 'ok', 'hang'] });
  t.teardown(() => server.stop());
  const said: string[] = [];
  const options = { endpoint: server.endpoint, host, ledger: new Ledger(), intervalMs: 100 };
  const exporter = createOtlpMetricsExporter(options, (message) => said.push(message));
  exporter.export([of(1)]);
  await server.requests(4);
  await exporter.shutdown(performance.now() + 20);
  t.is(said.length, 2, said.join('\n'));
  t.regex(said[0] as string, /PERMISSION_DENIED: not you/);
  t.regex(said[1] as string, /takes metrics again/);
});

test('points that are lost are in the books, under reasons of their own; what is sent of metrics is not', async (t) => {
  const denied = { code: status.PERMISSION_DENIED, details: 'not you' };
  const server = await startOtlpServer({ service: 'metrics', script: [denied] });
  t.teardown(() => server.stop());
  const ledger = new Ledger();
  const options = { endpoint: server.endpoint, host, ledger, intervalMs: 50 };
  const exporter = createOtlpMetricsExporter(options, () => undefined);
  exporter.export([of(1)]);
  await server.requests(2);
  await exporter.shutdown(performance.now() + 60_000);
  const [loss, ...others] = ledger.lost;
  t.like(loss, { stage: 'export', reason: 'metrics_permission_denied' });
  t.true((loss?.count ?? 0) > 5, `${loss?.count}`);
  t.deepEqual(others, []);
  t.is(ledger.sent.size, 0);
});

test('points that cannot be encoded are counted, each of them, and the end comes all the same', async (t) => {
  const server = await startOtlpServer({ service: 'metrics' });
  t.teardown(() => server.stop());
  const collect = async (record: ReturnType<typeof of>) => {
    const ledger = new Ledger();
    const exporter = createOtlpMetricsExporter({ endpoint: server.endpoint, host, ledger }, () => undefined);
    exporter.export([record]);
    await exporter.shutdown(performance.now() + 60_000);
    return ledger.lost;
  };
  t.deepEqual(await collect(of(1)), []);
  const points = server.accepted
    .flatMap((request) => decodeMetrics(request))
    .flatMap(({ scopes }) => scopes.flatMap(({ items }) => items.flatMap((metric) => metric.points)));
  t.true(points.length > 7);
  // No text at all: nothing that a kernel says becomes that.
  const unspeakable = { [Symbol.toPrimitive]: () => Symbol('none') };
  const lost = await collect(of(1, { networkType: unspeakable as never }));
  t.deepEqual(lost, [{ stage: 'export', reason: 'metrics_not_encoded', count: points.length }]);
});
