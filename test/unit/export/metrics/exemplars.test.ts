import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { toJson } from '../../../../src/export/otlp/json-body.ts';
import { ConnectionMetrics } from '../../../../src/export/otlp/metrics/connections.ts';
import { readExemplarFilter } from '../../../../src/export/otlp/metrics/exemplars.ts';
import { createMetricProducer } from '../../../../src/export/otlp/metrics/producer.ts';
import { encodeRequest } from '../../../../src/export/otlp/metrics/writer.ts';
import { traceIds } from '../../../../src/export/otlp/trace-ids.ts';
import { of } from '../../../support/metrics.ts';
import { decodeMetrics } from '../../../support/otlp-decode.ts';

type Options = ConstructorParameters<typeof ConnectionMetrics>[0];

function producerOf(metrics: ConnectionMetrics) {
  return createMetricProducer({
    instruments: Object.values(metrics.instruments),
    resource: emptyResource(),
    scope: { name: 'test' },
    selectTemporality: () => AggregationTemporality.CUMULATIVE,
  });
}

/** Collects as often as it is called; the points of an instrument as they are on the wire. */
function collector(metrics: ConnectionMetrics) {
  const producer = producerOf(metrics);
  return async (name: string) => {
    const { resourceMetrics } = await producer.collect();
    const [resource] = decodeMetrics(encodeRequest(resourceMetrics));
    return resource?.scopes[0]?.items.find((metric) => metric.name === name)?.points ?? [];
  };
}

function setUp(filter: string | undefined, sendsSpans: boolean, options: Options = {}, more: object = {}) {
  const env = { ...(filter && { OTEL_METRICS_EXEMPLAR_FILTER: filter }), ...more };
  const metrics = new ConnectionMetrics({ ...options, exemplars: readExemplarFilter(sendsSpans, env) });
  return { metrics, collect: collector(metrics) };
}

const lasting = (number: number, seconds: number) => {
  const { startTime } = of(number);
  return of(number, { time: startTime + BigInt(Math.round(seconds * 1e9)) });
};

const DURATION = 'sockflow.connection.duration';

test('an exemplar has the value, the time, the ids of the span and the id of the connection', async (t) => {
  const { metrics, collect } = setUp(undefined, true);
  const client = lasting(1, 0.5);
  const server = { ...lasting(2, 7), role: 'server' as const };
  metrics.add(client);
  metrics.add(server);
  const exemplars = (await collect(DURATION)).flatMap((point) => point.exemplars);
  t.deepEqual(
    exemplars.map(({ value, time, traceId, spanId, attributes }) => [
      value,
      time,
      traceId,
      spanId,
      attributes['sockflow.connection.id']?.value,
    ]),
    [client, server].map(({ id, time, role }) => {
      const { trace, ...spans } = traceIds(id);
      const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
      return [role === 'client' ? 0.5 : 7, time, hex(trace), hex(spans[role as 'client' | 'server']), id];
    }),
  );
  t.deepEqual((await collect(DURATION))[0]?.exemplars, [], 'a collection has what came since the last one');
});

test('a bucket has one of its own measurements, whichever that is', async (t) => {
  const { metrics, collect } = setUp('always_on', false);
  const seconds = [0.015, 0.018, 0.15, 0.19, 400, 500];
  for (let round = 0; round < 50; round++)
    for (const [number, each] of seconds.entries()) metrics.add(lasting(round * 10 + number, each));
  const [point] = await collect(DURATION);
  const values = point?.exemplars.map(({ value }) => value).sort((a, b) => a - b) ?? [];
  t.is(values.length, 3);
  t.deepEqual(
    values.map((value) => seconds.findIndex((one) => Math.abs(one - value) < 1e-9) >> 1),
    [0, 1, 2],
  );
});

test('each measurement has a chance', async (t) => {
  const { metrics, collect } = setUp('always_on', false);
  const seen = new Set<number>();
  for (let round = 0; round < 200; round++) {
    for (const each of [0.015, 0.016, 0.017]) metrics.add(lasting(round, each));
    for (const { exemplars } of await collect(DURATION)) for (const { value } of exemplars) seen.add(value);
  }
  // One of them never would be: 200 times a chance of two thirds.
  t.deepEqual([...seen].sort(), [0.015, 0.016, 0.017]);
});

test('an exponential histogram has at most twenty, failed attempts one', async (t) => {
  const { metrics, collect } = setUp('always_on', false, { histogram: 'exponential' });
  for (let number = 0; number < 300; number++) {
    metrics.add(lasting(number, 0.01 * (number + 1)));
    metrics.add(of(1000 + number, { event: 'failed', errorType: 'timed_out' }));
  }
  const [fine] = await collect(DURATION);
  t.is(fine?.exemplars.length, 20);
  t.is(new Set(fine?.exemplars.map(({ attributes }) => attributes['sockflow.connection.id']?.value)).size, 20);
  for (const number of [1000, 1001]) metrics.add(of(number, { event: 'failed', errorType: 'timed_out' }));
  const [failed] = await collect('sockflow.connection.failed');
  t.is(failed?.exemplars.length, 1);
  t.is(failed?.exemplars[0]?.value, 1);
});

test('which connections are shown is what the variable and the sampler of traces say', async (t) => {
  const count = async (filter: string | undefined, sendsSpans: boolean, more = {}) => {
    const { metrics, collect } = setUp(filter, sendsSpans, { histogram: 'exponential' }, more);
    for (let number = 0; number < 20; number++) metrics.add(lasting(number, 1));
    const exemplars = (await collect(DURATION)).flatMap((point) => point.exemplars);
    return { all: exemplars.length, traced: exemplars.filter(({ traceId }) => traceId !== '').length };
  };
  const half = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' };
  t.deepEqual(await count(undefined, false), { all: 0, traced: 0 });
  t.deepEqual(await count('', true), { all: 20, traced: 20 });
  t.deepEqual(await count('ALWAYS_ON', false), { all: 20, traced: 0 }, 'an id of no trace would lead nowhere');
  t.deepEqual(await count('always_on', true), { all: 20, traced: 20 });
  t.deepEqual(await count('always_off', true), { all: 0, traced: 0 });
  const { all, traced } = await count('trace_based', true, half);
  t.true(all > 0 && all < 20 && traced === all, `${all}`);
  t.deepEqual(await count('always_on', true, half), { all: 20, traced });
  t.throws(() => readExemplarFilter(true, { OTEL_METRICS_EXEMPLAR_FILTER: 'some' }), {
    message: 'OTEL_METRICS_EXEMPLAR_FILTER expects trace_based, always_on or always_off, not "some"',
  });
});

test('in JSON they are as OTLP has them there', async (t) => {
  const metrics = new ConnectionMetrics({ exemplars: readExemplarFilter(true, {}) });
  const record = lasting(1, 0.5);
  metrics.add(record);
  const { resourceMetrics } = await producerOf(metrics).collect();
  const { resourceMetrics: resources } = JSON.parse(toJson('METRICS', encodeRequest(resourceMetrics)));
  const duration = resources[0].scopeMetrics[0].metrics.find(({ name }: { name: string }) => name === DURATION);
  const { trace, client } = traceIds(record.id);
  t.deepEqual(duration.histogram.dataPoints[0].exemplars, [
    {
      timeUnixNano: String(record.time),
      asDouble: 0.5,
      spanId: Buffer.from(client).toString('hex'),
      traceId: Buffer.from(trace).toString('hex'),
      filteredAttributes: [{ key: 'sockflow.connection.id', value: { stringValue: record.id } }],
    },
  ]);
});
