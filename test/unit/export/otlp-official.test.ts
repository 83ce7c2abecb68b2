/** Requests of all signals by the official definitions of OTLP: nothing in them is unknown there, and they say what we meant. */
import test from 'ava';
import { toJson } from '../../../src/export/otlp/json-body.ts';
import { createOtlpMetricsExporter } from '../../../src/export/otlp/metrics/exporter.ts';
import { readAttributes, readResource } from '../../../src/export/otlp/resource.ts';
import { createOtlpTracesExporter } from '../../../src/export/otlp/traces.ts';
import { schemaUrl, severityNumber } from '../../../src/export/semconv.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { checkJson, decodeOfficially } from '../../support/official-otlp.ts';
import { observed, table, writeOurs } from '../../support/otlp-both-ways.ts';
import { host, makeVariedRecords } from '../../support/otlp-records.ts';
import { startOtlpServer } from '../../support/otlp-server.ts';

const records = makeVariedRecords();

// biome-ignore lint/suspicious/noExplicitAny: as protobufjs gives them.
type Message = any;

/** A value as text, so that integers of any size are compared, and lists by what is in them. */
function plain({ stringValue, boolValue, intValue, doubleValue, arrayValue }: Message): string {
  const scalar = stringValue ?? boolValue ?? intValue ?? doubleValue;
  return String(scalar ?? arrayValue.values.map(plain));
}

function attributesOf(pairs: Message[]): Record<string, string> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]));
}

function asText(attributes: Record<string, unknown>): Record<string, string> {
  const text = (value: unknown) => (typeof value === 'string' ? value.toWellFormed() : String(value));
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, text(value)]));
}

const byTime = (all: readonly ConnectionRecord[]) => new Map(all.map((record) => [String(record.time), record]));

test('log records', (t) => {
  const expected = byTime(records);
  const { resourceLogs } = decodeOfficially('logs', writeOurs(records));
  let count = 0;
  for (const { resource, scopeLogs, schemaUrl: url } of resourceLogs) {
    t.is(url, schemaUrl);
    const [{ scope, logRecords }] = scopeLogs;
    t.like(scope, { name: 'sockflow', version: host.agentVersion });
    for (const log of logRecords) {
      const record = expected.get(log.timeUnixNano) as ConnectionRecord;
      t.deepEqual(attributesOf(log.attributes), asText(readAttributes(table, record)));
      t.deepEqual(attributesOf(resource.attributes), asText(readResource(record.process, { host })));
      t.is(log.observedTimeUnixNano, String(observed));
      t.is(log.severityNumber, severityNumber(record) === 9 ? 'SEVERITY_NUMBER_INFO' : 'SEVERITY_NUMBER_WARN');
      count++;
    }
  }
  t.is(count, records.length);
});

test('log records with the identity on each', (t) => {
  const { resourceLogs } = decodeOfficially('logs', writeOurs(records, { identity: 'record' }));
  t.is(resourceLogs.length, 1);
  t.is(resourceLogs[0].scopeLogs[0].logRecords.length, records.length);
});

/** What an exporter of a signal sends of these records. */
async function sent(signal: 'metrics' | 'traces', all: readonly ConnectionRecord[]): Promise<readonly Buffer[]> {
  const server = await startOtlpServer({ service: signal });
  const ledger = new Ledger();
  const common = { endpoint: server.endpoint, host, ledger };
  const say = (message: string) => {
    throw new Error(message);
  };
  const exporter =
    signal === 'traces'
      ? createOtlpTracesExporter({ ...common, attributes: table }, ledger, say)
      : createOtlpMetricsExporter(common, say);
  exporter.export(all);
  await exporter.shutdown(performance.now() + 60_000);
  server.stop();
  return server.accepted;
}

test('spans', async (t) => {
  const before: Partial<ConnectionRecord>[] = [
    { event: 'retransmit', retransmittedSequence: 7 },
    { event: 'reset', reset: { direction: 'receive', reason: undefined, segments: 1 } },
  ];
  const ended = records.filter(({ event }) => event === 'close' || event === 'failed');
  const bodies = await sent(
    'traces',
    ended.flatMap((end) => [...before.map((change) => ({ ...end, ...change })), end]),
  );
  const expected = byTime(ended);
  const spans = bodies
    .flatMap((bytes) => decodeOfficially('traces', bytes).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans[0].spans);
  t.is(spans.length, ended.length);
  for (const span of spans) {
    const record = expected.get(span.endTimeUnixNano) as ConnectionRecord;
    t.deepEqual(attributesOf(span.attributes), asText(readAttributes(table, record)));
    t.is(
      span.kind,
      { client: 'SPAN_KIND_CLIENT', server: 'SPAN_KIND_SERVER', unknown: 'SPAN_KIND_INTERNAL' }[record.role],
    );
    t.deepEqual([span.traceId.length, span.spanId.length], [16, 8]);
    t.is(span.parentSpanId?.length, record.role === 'server' ? 8 : undefined);
    t.is(span.status?.code, record.errorType === undefined ? undefined : 'STATUS_CODE_ERROR');
    t.true(span.events.some(({ name }: Message) => name === 'retransmit'));
  }
});

test('metrics', async (t) => {
  const bodies = await sent('metrics', records);
  const metrics = bodies
    .flatMap((bytes) => decodeOfficially('metrics', bytes).resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope: Message) => scope.metrics));
  const ends = records.filter(({ event }) => event === 'close').length;
  const points = metrics
    .filter(({ name }) => name === 'sockflow.connection.closed')
    .flatMap(({ sum }) => sum.dataPoints);
  t.is(
    points.reduce((total, { asInt, asDouble }) => total + Number(asInt ?? asDouble), 0),
    ends,
  );
  t.true(metrics.some(({ histogram }) => histogram?.dataPoints.length > 0));
});

test('the same as JSON', async (t) => {
  const json = (signal: 'LOGS' | 'METRICS' | 'TRACES', bytes: Uint8Array) => JSON.parse(String(toJson(signal, bytes)));
  t.notThrows(() => checkJson('logs', json('LOGS', writeOurs(records))));
  for (const bytes of await sent('traces', records)) t.notThrows(() => checkJson('traces', json('TRACES', bytes)));
  for (const bytes of await sent('metrics', records)) t.notThrows(() => checkJson('metrics', json('METRICS', bytes)));
});

test('what the definitions do not have is found', (t) => {
  const faults: readonly (readonly [bytes: readonly number[], message: RegExp])[] = [
    [[0x12, 0], /has no field 2/],
    [[0x0a, 2, 0x4a, 0], /resourceLogs has no field 9/],
    [[0x08, 1], /resourceLogs has the wire type 0/],
    [[0x0a, 4, 0x0a, 0, 0x0a, 0], /resource is there twice/],
    [[0x0a, 3, 0x1a, 1, 0xff], /not valid/],
    [[0x0a, 6, 0x12, 4, 0x12, 2, 0x10, 99], /severityNumber can't be 99/],
  ];
  for (const [bytes, message] of faults)
    t.throws(() => decodeOfficially('logs', Uint8Array.from(bytes)), { message }, String(bytes));
  for (const [json, message] of [
    [{ resource_logs: [] }, /resource_logs is unknown/],
    [{ resourceLogs: {} }, /is no list/],
    [{ resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: 'INFO' }] }] }] }, /severityNumber can't be INFO/],
    [{ resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: '+/8=' }] }] }] }, /traceId can't be/],
  ] as const)
    t.throws(() => checkJson('logs', json), { message });
});
