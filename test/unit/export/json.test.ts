import test from 'ava';
import { createJsonFormatter } from '../../../src/export/json.ts';
import { readResource } from '../../../src/export/otlp/resource.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { host, makeProcess, makeRecord, makeVariedRecords, ownNetworkNamespace } from '../../support/otlp-records.ts';

function formatter(attributes: Record<string, string> = {}) {
  return createJsonFormatter({ host, ownNetworkNamespace, attributes });
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is what is tested.
const read = (record: ConnectionRecord, format = formatter()): any => JSON.parse(format(record));

test('a record is an object with the names of OTLP', (t) => {
  const line = formatter()(makeRecord(0, { process: makeProcess(1) }));
  t.true(line.endsWith('}\n'));
  const record = JSON.parse(line);
  t.deepEqual(Object.keys(record), ['timestamp', 'event_name', 'severity_number', 'resource', 'attributes']);
  t.is(record.timestamp, '2026-11-24T22:44:24.135802467Z');
  t.is(record.event_name, 'sockflow.connection.close');
  t.is(record.severity_number, 9);
  t.like(record.resource, { 'process.pid': 1001, 'service.name': 'worker1', 'host.name': 'wolke' });
  t.like(record.attributes, {
    'network.transport': 'tcp',
    'network.peer.port': 5432,
    'sockflow.connection.role': 'client',
  });
});

test('only attributes that are there are written', (t) => {
  const { attributes } = read(makeRecord(0, { smoothedRtt: undefined }));
  t.false('sockflow.tcp.rtt.smoothed' in attributes);
  t.false('error.type' in attributes);
  t.false('sockflow.network.namespace' in attributes);
});

test('what failed is a warning', (t) => {
  t.is(read(makeRecord(0, { event: 'failed', errorType: 'timed_out' })).severity_number, 13);
});

test('every record is valid, whatever it holds, and on one line', (t) => {
  const format = formatter();
  for (const record of makeVariedRecords()) {
    const line = format(record);
    t.is(line.indexOf('\n'), line.length - 1);
    t.true(line.isWellFormed());
    t.notThrows(() => JSON.parse(line));
    t.notRegex(line, /\\ud[89a-f]/i);
  }
});

test('control characters and quotes come back as they were', (t) => {
  const name = 'a"b\\c\x1b[31m\n\u2028ö\x7f';
  const { resource } = read(makeRecord(0, { process: makeProcess(1, { executableName: name }) }));
  t.is(resource['process.executable.name'], name);
});

test('numbers that JSON does not have are left out; integers beyond 2^53 are strings', (t) => {
  const { attributes } = read(makeRecord(0, { minRtt: Number.NaN, busyTime: Infinity, sentBytes: 2 ** 60 }));
  t.false('sockflow.tcp.rtt.min' in attributes);
  t.false('sockflow.tcp.busy' in attributes);
  t.is(attributes['sockflow.connection.sent.bytes'], '1152921504606846976');
});

test('without an owner the resource is the host', (t) => {
  const { resource } = read(makeRecord(0));
  t.is(resource['service.name'], 'unknown_service');
  t.is(resource['host.name'], 'wolke');
  t.false('process.pid' in resource);
});

test("the user's own attributes are on every resource, and fill the gaps of what is observed", (t) => {
  const given = { tenant: 'blue', 'host.name': 'mine', 'service.name': 'mine', 'k8s.pod.name': 'mine', odd: '\ud800' };
  const format = formatter(given);
  for (const process of [undefined, makeProcess(1)]) {
    const { resource } = read(makeRecord(0, { process }), format);
    t.like(resource, { tenant: 'blue', 'host.name': 'wolke', 'k8s.pod.name': 'mine', odd: '\ufffd' });
    t.is(resource['service.name'], process ? process.executableName : 'unknown_service');
  }
  const pod = { uid: 'u', details: { name: 'observed', namespace: 'shop' } };
  const { resource } = read(makeRecord(0, { process: makeProcess(1, { pod }) }), format);
  t.is(resource['k8s.pod.name'], 'observed');
});

test('JSON lines and OTLP give the same resources, whatever the user adds', (t) => {
  const extra = {
    tenant: 'blue',
    'host.name': 'mine',
    'service.name': 'mine',
    'k8s.pod.name': 'mine',
    'process.pid': '1',
  };
  for (const record of makeVariedRecords()) {
    const { resource } = read(record, formatter(extra));
    t.deepEqual(sorted(resource), sorted(wellFormed(readResource(record.process, { host, extra }))));
  }
});

const sorted = (values: object) => Object.entries(values).toSorted(([one], [other]) => (one < other ? -1 : 1));
const wellFormed = (values: object) =>
  JSON.parse(JSON.stringify(values, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value)));

test('a name that is found later is in the records after', (t) => {
  const format = formatter();
  const process = makeProcess(1);
  delete process.userName;
  t.false('process.user.name' in read(makeRecord(0, { process }), format).resource);
  process.userName = 'www-data';
  t.is(read(makeRecord(0, { process }), format).resource['process.user.name'], 'www-data');
});
