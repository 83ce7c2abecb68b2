import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import test from 'ava';
import { toJson } from '../../../src/export/otlp/json-body.ts';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { createRecordAttributes } from '../../../src/export/semconv.ts';
import { type Decoded, decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../../support/otlp-records.ts';

interface JsonPair {
  key: string;
  value: Record<string, unknown>;
}

/** What the decoder of protobuf says, spelled as JSON has it. */
function spell({ kind, value }: Decoded): Record<string, unknown> {
  if (kind === 'array') return { arrayValue: { values: (value as Decoded[]).map(spell) } };
  return { [`${kind}Value`]: kind === 'int' ? String(value) : value };
}

test('records in JSON say what they say in protobuf', (t) => {
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  const writer = new LogWriter({ attributes, host, extra: { big: 'ü' } });
  for (let number = 0; number < 7; number++) writer.add(makeRecord(number, { process: makeProcess(number % 2) }), 17n);
  const { bytes } = writer.take();
  const { resourceLogs } = JSON.parse(toJson('LOGS', bytes));
  const decoded = decodeLogs(bytes);
  t.is(resourceLogs.length, decoded.length);
  for (const [at, { attributes: wanted, scopes, schemaUrl }] of decoded.entries()) {
    const { resource, scopeLogs, schemaUrl: url } = resourceLogs[at];
    t.is(url, schemaUrl);
    const flat = (pairs: JsonPair[]) => Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    const spelled = (all: Record<string, Decoded>) =>
      Object.fromEntries(Object.entries(all).map(([key, value]) => [key, spell(value)]));
    t.deepEqual(flat(resource.attributes), spelled(wanted));
    for (const [index, item] of (scopes[0]?.items ?? []).entries()) {
      const record = scopeLogs[0].logRecords[index];
      t.is(record.timeUnixNano, String(item.time));
      t.is(record.observedTimeUnixNano, '17');
      t.is(record.eventName, item.eventName);
      t.is(record.severityNumber, item.severityNumber);
      t.deepEqual(flat(record.attributes), spelled(item.attributes));
    }
  }
});

const metrics: ResourceMetrics = {
  resource: emptyResource(),
  scopeMetrics: [
    {
      scope: { name: 'test', version: '1' },
      metrics: [
        {
          descriptor: { name: 'a', description: 'd', unit: 's', valueType: 1 },
          aggregationTemporality: AggregationTemporality.DELTA,
          dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
          dataPoints: [
            {
              attributes: { list: ['x', 'y'], yes: true, half: 0.5 },
              startTime: [1, 2],
              endTime: [3, 4],
              value: {
                count: 300,
                sum: 4.5,
                min: 0.25,
                max: 3,
                scale: -3,
                zeroCount: 1,
                positive: { offset: -1000, bucketCounts: [0, 298, 1] },
                negative: { offset: 5, bucketCounts: [] },
              },
            },
          ],
        },
        {
          descriptor: { name: 'b', description: '', unit: '1', valueType: 0 },
          aggregationTemporality: AggregationTemporality.CUMULATIVE,
          dataPointType: DataPointType.SUM,
          isMonotonic: true,
          dataPoints: [{ attributes: {}, startTime: [1, 0], endTime: [2, 0], value: -5 }],
        },
      ],
    },
  ],
};

/** Numbers and their texts alike; what has its default is left out, as protobuf does. */
function normalise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, normalise(inner)] as const);
  const isDefault = (one: unknown) => one === undefined || one === '' || one === '0' || String(one) === '';
  return Object.fromEntries(entries.filter(([, inner]) => !isDefault(inner)));
}

test("metrics in JSON are what the SDK's own JSON says", (t) => {
  const ours = JSON.parse(toJson('METRICS', ProtobufMetricsSerializer.serializeRequest(metrics) as Uint8Array));
  const theirs = JSON.parse(Buffer.from(JsonMetricsSerializer.serializeRequest(metrics) as Uint8Array).toString());
  t.deepEqual(normalise(ours), normalise(theirs));
});

test('ids are hexadecimal, and what is no message is an error', (t) => {
  const id = Array.from({ length: 16 }, (_, at) => at);
  const span = [0x0a, 16, ...id, 0x12, 8, ...id.slice(8), 0x30, 3];
  const bytes = [span].reduce(
    (inner) => [0x0a, inner.length + 4, 0x12, inner.length + 2, 0x12, inner.length, ...inner],
    span,
  );
  const { resourceSpans } = JSON.parse(toJson('TRACES', Uint8Array.from(bytes)));
  t.deepEqual(resourceSpans[0].scopeSpans[0].spans[0], {
    traceId: '000102030405060708090a0b0c0d0e0f',
    spanId: '08090a0b0c0d0e0f',
    kind: 3,
  });
  t.throws(() => toJson('LOGS', Uint8Array.of(0x0b)));
  t.throws(() => toJson('LOGS', Uint8Array.of(0x0a, 0xff, 0xff)));
});
