import test, { type ExecutionContext } from 'ava';
import { readSampler } from '../../../src/export/otlp/sampler.ts';
import { traceIds } from '../../../src/export/otlp/trace-ids.ts';
import { createOtlpTracesExporter } from '../../../src/export/otlp/traces.ts';
import { createLookupAttributes, createRecordAttributes } from '../../../src/export/semconv.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord, LookupRecord } from '../../../src/model.ts';
import { type DecodedSpan, decodeSpans } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../../support/otlp-records.ts';
import { type Answer, startOtlpServer } from '../../support/otlp-server.ts';

const attributes = createRecordAttributes({ ownNetworkNamespace });
const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
const client = makeProcess(1);
const server = makeProcess(2);
const of = (number: number, change: Partial<ConnectionRecord> = {}) =>
  makeRecord(number, { process: client, role: 'client', handshakeDuration: undefined, ...change });

async function export_(t: ExecutionContext, records: readonly ConnectionRecord[], script: readonly Answer[] = []) {
  const collector = await startOtlpServer({ service: 'traces', script });
  t.teardown(() => collector.stop());
  const ledger = new Ledger();
  const exporter = createOtlpTracesExporter(
    { endpoint: collector.endpoint, attributes, lookupAttributes, host },
    ledger,
    () => undefined,
  );
  exporter.export(records);
  await exporter.shutdown(performance.now() + 60_000);
  const resources = collector.accepted.flatMap(decodeSpans);
  const spans = resources.flatMap(({ scopes }) => scopes.flatMap(({ items }) => items));
  return { resources, spans: spans as [DecodedSpan, DecodedSpan], ledger };
}

test('both ends of a connection are one trace, the server the child of the client', async (t) => {
  const { id } = of(1);
  const ends = [of(1), of(2, { id, role: 'server', process: server })];
  const { spans, resources, ledger } = await export_(t, ends);
  const [first, second] = spans;
  t.is(spans.length, 2);
  t.is(first.traceId, second.traceId);
  t.is(first.traceId, Buffer.from(traceIds(id).trace).toString('hex'));
  t.is(first.parentSpanId, '');
  t.is(second.parentSpanId, first.spanId);
  t.not(first.spanId, second.spanId);
  t.deepEqual([first.kind, second.kind], [3, 2]);
  t.deepEqual(
    resources.map((resource) => resource.attributes['service.name']?.value),
    [client.executableName, server.executableName],
  );
  t.is(ledger.sent.get('otlp-traces'), 2);
});

test('the look-up that a connection came of is a span beside that of the client, of who asked', async (t) => {
  const record = of(1);
  const lookup: LookupRecord = {
    event: 'dns',
    startTime: record.startTime - 5_000_000n,
    time: record.startTime - 1_000_000n,
    transport: 'udp',
    networkType: 'ipv4',
    peerAddress: '127.0.0.53',
    peerPort: 53,
    networkNamespace: ownNetworkNamespace,
    cookie: 9n,
    process: server,
    questionName: 'api.example',
    questionType: 'A',
    errorType: undefined,
  };
  const { resources, ledger } = await export_(t, [{ ...record, lookup }, of(2)]);
  const spans = resources.flatMap(({ attributes: { 'service.name': service }, scopes }) =>
    scopes.flatMap(({ items }) => (items as DecodedSpan[]).map((span) => ({ ...span, service: service?.value }))),
  );
  t.is(spans.length, 3);
  const span = spans.find(({ name }) => name === 'dns lookup');
  const connection = spans.find(({ attributes: { 'sockflow.connection.id': id } }) => id?.value === record.id);
  t.is(span?.traceId, connection?.traceId);
  t.not(span?.spanId, connection?.spanId);
  t.like(span, { parentSpanId: '', kind: 3, status: 0, startTime: lookup.startTime, endTime: lookup.time, flags: 1 });
  t.is(span?.service, server.executableName);
  t.is(span?.attributes['dns.question.name']?.value, 'api.example');
  t.is(connection?.parentSpanId, '');
  t.is(ledger.sent.get('otlp-traces'), 3);
});

test('a span says what the record of the end says', async (t) => {
  const record = of(1);
  const { spans, resources } = await export_(t, [record]);
  const [span] = spans;
  t.like(span, { name: 'tcp connection', status: 0, startTime: record.startTime, endTime: record.time, flags: 1 });
  t.is(span.attributes['sockflow.connection.id']?.value, record.id);
  t.is(span.attributes['sockflow.connection.sent.bytes']?.value, BigInt(record.sentBytes));
  t.like(resources[0]?.scopes[0], { name: 'sockflow', schemaUrl: resources[0]?.schemaUrl });
});

test('what failed is an error, what ended well has no status, and what lives is no span yet', async (t) => {
  const failed = of(1, { event: 'failed', errorType: 'timed_out' });
  const { spans } = await export_(t, [failed, of(2), of(3, { event: 'update' }), of(4, { event: 'open' })]);
  t.deepEqual(
    spans.map(({ status }) => status),
    [2, 0],
  );
  t.is(spans[0].attributes['error.type']?.value, 'timed_out');
});

test('handshake, retransmissions and resets are events of the span', async (t) => {
  const cookie = 17n;
  const at = of(1).startTime;
  const { spans } = await export_(t, [
    of(1, { cookie, event: 'retransmit', retransmittedSequence: 5, time: at + 2000n }),
    of(2, { event: 'retransmit', retransmittedSequence: 99 }),
    of(1, {
      cookie,
      event: 'reset',
      reset: { direction: 'receive', reason: undefined, segments: 1 },
      time: at + 3000n,
    }),
    of(1, { cookie, handshakeDuration: 0.000001, closeReason: 'reset_remote', errorType: 'connection_reset' }),
  ]);
  t.deepEqual(
    spans[0].events.map(({ name, time }) => [name, time - at]),
    [
      ['handshake', 1000n],
      ['retransmit', 2000n],
      ['reset', 3000n],
    ],
  );
  t.is(spans[0].events[1]?.attributes['sockflow.tcp.retransmit.sequence']?.value, 5n);
  t.is(spans[0].events[2]?.attributes['network.io.direction']?.value, 'receive');
});

test('a reset that the kernel tells of after the end is an event of it all the same', async (t) => {
  const { spans } = await export_(t, [of(1, { closeReason: 'reset_local' })]);
  t.deepEqual(
    spans[0].events.map(({ name, attributes: all }) => [name, all['network.io.direction']?.value]),
    [['reset', 'transmit']],
  );
});

test('events beyond the limit are counted', async (t) => {
  const cookie = 17n;
  const events = Array.from({ length: 200 }, () => of(1, { cookie, event: 'retransmit' }));
  const { spans } = await export_(t, [...events, of(1, { cookie })]);
  t.is(spans[0].events.length, 128);
  t.is(spans[0].droppedEvents, 72);
});

test('ends whose roles nobody knows have spans of their own', async (t) => {
  const { id } = of(1);
  const { spans } = await export_(t, [of(1, { role: 'unknown' }), of(2, { id, role: 'unknown' })]);
  const [first, second] = spans;
  t.deepEqual([first.kind, second.kind], [1, 1]);
  t.is(first.traceId, second.traceId);
  t.not(first.spanId, second.spanId);
});

test('spans that the server refuses are counted apart from records', async (t) => {
  const { ledger } = await export_(t, [of(1), of(2)], [{ code: 3, details: 'no' }]);
  t.deepEqual(ledger.lost, [{ stage: 'export', reason: 'traces_invalid_argument', count: 2 }]);
});

test('the sampler keeps the share of traces that it was asked for, the same everywhere', (t) => {
  const ids = Array.from({ length: 2000 }, (_, number) => traceIds(String(number)).trace);
  const kept = (env: Record<string, string>) => ids.filter(readSampler(env));
  t.is(kept({}).length, 2000);
  t.is(kept({ OTEL_TRACES_SAMPLER: 'always_off' }).length, 0);
  const quarter = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
  t.true(Math.abs(kept(quarter).length - 500) < 100, String(kept(quarter).length));
  const half = kept({ ...quarter, OTEL_TRACES_SAMPLER_ARG: '0.5' });
  t.true(kept(quarter).every((id) => half.includes(id)));
  t.throws(() => readSampler({ OTEL_TRACES_SAMPLER: 'dice' }), { message: /^OTEL_TRACES_SAMPLER expects/ });
  t.throws(() => readSampler({ ...quarter, OTEL_TRACES_SAMPLER_ARG: '2' }), { message: /from 0 to 1, not "2"$/ });
});
