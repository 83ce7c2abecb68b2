/** Look-ups of names in every output. */
import test from 'ava';
import { createJsonLookupFormatter } from '../../../src/export/json.ts';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { ConnectionMetrics } from '../../../src/export/otlp/metrics/connections.ts';
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
  const { 'log.record.uid': uid, ...others } = attributes;
  t.regex(uid, /^[\da-f]{32}$/);
  t.deepEqual(others, {
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

test('a look-up has the same uid whenever it is sent, in JSON and OTLP, and no other look-up has it', (t) => {
  const lookups = [
    lookup(),
    lookup({ cookie: 10n }),
    lookup({ time: startTime + 1_500_001n }),
    lookup({ startTime: startTime + 1n }),
    lookup({ questionType: 'A' }),
    lookup({ questionName: 'gone2.example' }),
    lookup({ transport: 'tcp' }),
    lookup({ peerAddress: '10.0.0.54' }),
  ];
  const uidsOf = (agentVersion: string) => {
    const writer = new LogWriter({
      attributes: [],
      lookupAttributes: createLookupAttributes({ ownNetworkNamespace }),
      host: { ...host, agentVersion },
    });
    for (const one of lookups) writer.addLookup(one, startTime);
    const items = decodeLogs(writer.take().bytes).flatMap(({ scopes }) => scopes.flatMap((scope) => scope.items));
    return items.map(({ attributes }) => attributes['log.record.uid']?.value);
  };
  const uids = uidsOf('1.0.0');
  t.is(new Set(uids).size, lookups.length);
  t.deepEqual(uidsOf('2.0.0'), uids);
  const format = createJsonLookupFormatter({ host, ownNetworkNamespace, attributes: {} });
  t.deepEqual(
    lookups.map((one) => JSON.parse(format(one)).attributes['log.record.uid']),
    uids,
  );
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
