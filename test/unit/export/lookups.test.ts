/** Look-ups of names in every output. */
import test from 'ava';
import { createJsonLookupFormatter } from '../../../src/export/json.ts';
import { ConnectionMetrics } from '../../../src/export/otlp/connection-metrics.ts';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { createLookupAttributes, hasFailed } from '../../../src/export/semconv.ts';
import { createTextFormatter } from '../../../src/export/text.ts';
import type { LookupRecord } from '../../../src/model.ts';
import { decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, ownNetworkNamespace } from '../../support/otlp-records.ts';

const startTime = 1_795_560_264_123_456_789n;

function lookup(changes: Partial<LookupRecord> = {}): LookupRecord {
  return {
    event: 'dns',
    time: startTime + 1_500_000n,
    startTime,
    transport: 'udp',
    networkType: 'ipv4',
    peerAddress: '10.0.0.53',
    peerPort: 53,
    networkNamespace: ownNetworkNamespace,
    cookie: 9n,
    process: makeProcess(1, { executableName: 'curl', pid: 30197 }),
    questionName: 'gone.example',
    questionType: 'AAAA',
    errorType: 'nxdomain',
    ...changes,
  };
}

test('JSON', (t) => {
  const line = createJsonLookupFormatter({ host, ownNetworkNamespace, attributes: {} })(lookup());
  const { event_name, severity_number, resource, attributes } = JSON.parse(line);
  t.is(event_name, 'sockflow.dns.lookup');
  t.is(severity_number, 13);
  t.is(resource['process.pid'], 30197);
  t.deepEqual(attributes, {
    'dns.question.name': 'gone.example',
    'sockflow.dns.question.type': 'AAAA',
    'error.type': 'nxdomain',
    'sockflow.dns.lookup.duration': 0.0015,
    'network.transport': 'udp',
    'network.type': 'ipv4',
    'network.peer.address': '10.0.0.53',
    'network.peer.port': 53,
  });
});

test('a line: what was asked for stands where a peer would', (t) => {
  const env = { LANG: 'en_US.UTF-8', NO_COLOR: '1' };
  const format = createTextFormatter({ verbose: false, ownNetworkNamespace, env, columns: () => 80 });
  const [line = ''] = format([lookup()]);
  t.regex(line, /^\S+ DNS {3}curl\[30197\] {8}→ gone\.example AAAA {5}nxdomain 1\.5ms\n$/);
  t.false(
    format([lookup({ questionName: 'a\u001b[31m' })])
      .join('')
      .includes('\u001b'),
  );
});

test('OTLP: the same attributes, on the process that asked', (t) => {
  const attributes = createLookupAttributes({ ownNetworkNamespace });
  const writer = new LogWriter({ attributes: [], lookupAttributes: attributes, host });
  writer.addLookup(lookup(), startTime);
  const [resource] = decodeLogs(writer.take().bytes);
  const [record] = resource?.scopes[0]?.items ?? [];
  t.is(record?.eventName, 'sockflow.dns.lookup');
  t.deepEqual(record?.attributes['dns.question.name'], { kind: 'string', value: 'gone.example' });
  t.deepEqual(record?.attributes['error.type'], { kind: 'string', value: 'nxdomain' });
});

test('the metric has a series for success and one for each failure', (t) => {
  const metrics = new ConnectionMetrics();
  for (const errorType of ['nxdomain', undefined, 'nxdomain', 'timeout'] as const)
    metrics.addLookup(lookup({ errorType }));
  t.deepEqual(
    metrics.instruments.lookup.series.map(({ attributes, count }) => [attributes['error.type'], count]),
    [
      ['nxdomain', 2],
      [undefined, 1],
      ['timeout', 1],
    ],
  );
});

test('events are those that failed', (t) => {
  t.deepEqual([lookup(), lookup({ errorType: undefined })].map(hasFailed), [true, false]);
});
