import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Delivery } from '../../../src/export/otlp/delivery.ts';
import type { OtlpOptions, Signal } from '../../../src/export/otlp/settings.ts';
import { createTransport, type Outcome } from '../../../src/export/otlp/transport.ts';
import { Ledger } from '../../../src/ledger.ts';
import { encodeResponse } from '../../support/otlp-decode.ts';
import { type HttpAnswer, type HttpServerOptions, startOtlpHttpServer } from '../../support/otlp-http-server.ts';
import { eventually } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** An empty ExportLogsServiceRequest with one empty ResourceLogs. */
const request = Uint8Array.of(0x0a, 0x00);

async function sendTo(
  t: ExecutionContext,
  server: HttpServerOptions,
  options: OtlpOptions = {},
  signal: Signal = 'LOGS',
) {
  const { endpoint, requests, stop } = await startOtlpHttpServer(server);
  const transport = createTransport({ endpoint, protocol: 'http/protobuf', ...options }, signal);
  t.teardown(() => {
    transport.close();
    stop();
  });
  return { outcome: await transport.send(request), requests, transport };
}

const accepted: Outcome = { status: 'accepted', rejected: 0, message: '' };

for (const [signal, path] of [
  ['LOGS', '/v1/logs'],
  ['METRICS', '/v1/metrics'],
  ['TRACES', '/v1/traces'],
] as const)
  test(`${signal} go to ${path}, as they are`, async (t) => {
    const { outcome, requests } = await sendTo(t, {}, { headers: { 'X-Tenant': 'blue' } }, signal);
    t.deepEqual(outcome, accepted);
    t.is(requests[0]?.path, path);
    t.deepEqual(Uint8Array.from(requests[0]?.body ?? []), request);
    t.like(requests[0]?.headers, { 'content-type': 'application/x-protobuf', 'x-tenant': 'blue' });
    t.regex(requests[0]?.headers['user-agent'] ?? '', /^sockflow\/\d/);
  });

test('as JSON, compressed', async (t) => {
  const { outcome, requests } = await sendTo(t, {}, { protocol: 'http/json', compression: 'gzip' });
  t.deepEqual(outcome, accepted);
  t.like(requests[0]?.headers, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
  t.deepEqual(JSON.parse(String(requests[0]?.body)), { resourceLogs: [{}] });
});

test('through a socket of the file system', async (t) => {
  const socket = join(temporaryDirectory(t), 'otlp.sock');
  const { outcome, requests } = await sendTo(t, { socket });
  t.deepEqual(outcome, accepted);
  t.is(requests[0]?.path, '/v1/logs');
});

const json = { 'content-type': 'application/json' };
const protobuf = { 'content-type': 'application/x-protobuf' };
const status = Uint8Array.from([0x08, 3, 0x12, 7, ...Buffer.from('no good')]);

const answers: readonly (readonly [string, HttpAnswer, Partial<Outcome>])[] = [
  ['a partial success', { body: encodeResponse(3, 'too old') }, { ...accepted, rejected: 3, message: 'too old' }],
  [
    'a partial success in JSON',
    { headers: json, body: '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}' },
    { ...accepted, rejected: 3, message: 'too old' },
  ],
  ['an answer that is no message', { body: 'OK' }, accepted],
  [
    '429 with seconds',
    { status: 429, headers: { 'retry-after': '7' } },
    { status: 'retry', reason: 'http_429', retryAfterMs: 7000 },
  ],
  ['503', { status: 503 }, { status: 'retry', reason: 'http_503', retryAfterMs: undefined }],
  ['502', { status: 502 }, { status: 'retry', reason: 'http_502' }],
  ['504', { status: 504 }, { status: 'retry', reason: 'http_504' }],
  ['413', { status: 413 }, { status: 'split', reason: 'http_413' }],
  [
    '400 with a status',
    { status: 400, headers: protobuf, body: status },
    { status: 'drop', reason: 'http_400', message: 'HTTP 400: no good' },
  ],
  ['401', { status: 401 }, { status: 'drop', message: 'HTTP 401 (is --otlp-header right?)' }],
  [
    '404 with a page',
    { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>' },
    { status: 'drop', message: 'HTTP 404 (is the path of the endpoint right?)' },
  ],
  [
    '500 with words',
    { status: 500, headers: { 'content-type': 'text/plain' }, body: 'oh no\nstack' },
    { status: 'drop', message: 'HTTP 500: oh no' },
  ],
  ['a web page', { headers: { 'content-type': 'text/html' }, body: '<html>' }, { status: 'drop', reason: 'not_otlp' }],
];
for (const [title, answer, expected] of answers)
  test(`${title} is understood`, async (t) => {
    const { outcome } = await sendTo(t, { script: [answer] });
    t.like(outcome, expected);
  });

test('Retry-After may be a date', async (t) => {
  const date = new Date(Date.now() + 3_600_000).toUTCString();
  const { outcome } = await sendTo(t, { script: [{ status: 503, headers: { 'retry-after': date } }] });
  const wish = outcome.status === 'retry' ? (outcome.retryAfterMs ?? 0) : 0;
  t.true(wish > 0 && wish <= 3_600_000, `${wish}`);
});

test('no answer in time, and no server, may pass later', async (t) => {
  const { outcome } = await sendTo(t, { script: ['hang'] }, { timeoutMs: 50 });
  t.like(outcome, { status: 'retry', reason: 'deadline_exceeded' });
  const nobody = createTransport({ endpoint: 'http://127.0.0.1:1', protocol: 'http/json' }, 'LOGS');
  t.like(await nobody.send(request), { status: 'retry', reason: 'unavailable' });
  nobody.close();
});

for (const protocol of ['grpc', 'http/protobuf', 'http/json'] as const)
  for (const signal of ['LOGS', 'METRICS', 'TRACES'] as const)
    test(`over ${protocol} the watchdog of ${signal} leaves a request the time that it may take`, async (t) => {
      for (const [timeoutMs, expected] of [
        [45_000, 90_000],
        [10_000, 60_000],
      ] as const) {
        const transport = createTransport({ endpoint: 'http://127.0.0.1:1', protocol, timeoutMs }, signal);
        const ledger = new Ledger();
        const delivery = new Delivery({ name: 'x', title: 'x', transport, ledger, say: () => undefined });
        t.is(delivery.stuckMs, expected);
        await delivery.shutdown(performance.now());
      }
    });

test('what is under way when the connection is renewed ends as a retry, and the next one passes', async (t) => {
  const { endpoint, requests, stop } = await startOtlpHttpServer({ script: ['hang'] });
  const transport = createTransport({ endpoint, protocol: 'http/protobuf' }, 'LOGS');
  t.teardown(() => {
    transport.close();
    stop();
  });
  const first = transport.send(request);
  await eventually(
    'request',
    () => requests.length,
    (count) => count > 0,
  );
  transport.renew();
  t.like(await first, { status: 'retry' });
  t.deepEqual(await transport.send(request), accepted);
});
