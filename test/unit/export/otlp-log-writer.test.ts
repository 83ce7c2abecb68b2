import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { type Attribute, resourceAttributes, schemaUrl } from '../../../src/export/semconv.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { normalise, observed, type Table, table, writeOurs, writeSdks } from '../../support/otlp-both-ways.ts';
import { type DecodedRecord, decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, makeVariedRecords } from '../../support/otlp-records.ts';

const records = makeVariedRecords();

test('the writer and the SDK say the same of 200 varied records', (t) => {
  const ours = normalise(decodeLogs(writeOurs(records)));
  t.deepEqual(ours, normalise(decodeLogs(writeSdks(records))));
  t.is(ours.length, 9, 'one resource for each process');
  t.is(
    ours.reduce((sum, { scopes }) => sum + (scopes[0]?.items.length ?? 0), 0),
    200,
  );
});

test('each attribute of the table is in the varied records, so that the comparison covers it', (t) => {
  const resources = decodeLogs(writeOurs(records));
  const seen = new Set(
    resources.flatMap(({ attributes, scopes }) => [
      ...Object.keys(attributes),
      ...scopes.flatMap(({ items }) => items.flatMap((record) => Object.keys(record.attributes))),
    ]),
  );
  t.deepEqual(
    [...table, ...resourceAttributes].map(({ key }) => key).filter((key) => !seen.has(key)),
    [],
  );
});

test('the comparison finds an attribute that is dropped or changed on one side, in the first record that has it', (t) => {
  for (const attribute of table) {
    const having = records.filter((record) => attribute.read(record) !== undefined).slice(0, 1);
    const reference = normalise(decodeLogs(writeSdks(having)));
    const differs = (attributes: Table) =>
      !isDeepStrictEqual(normalise(decodeLogs(writeOurs(having, { attributes }))), reference);
    t.false(differs(table), `${attribute.key} as it is`);
    t.true(differs(table.filter((other) => other !== attribute)), `${attribute.key} dropped`);
    t.true(
      differs(table.map((other) => (other === attribute ? change(attribute) : other))),
      `${attribute.key} changed`,
    );
  }
});

function change({ text, values, ...attribute }: Attribute<ConnectionRecord>): Attribute<ConnectionRecord> {
  const read = (record: ConnectionRecord) => {
    const value = attribute.read(record);
    if (typeof value === 'number') return value + 1;
    if (typeof value === 'boolean') return !value;
    return typeof value === 'string' ? `${value}x` : value;
  };
  return { ...attribute, read };
}

const kinds = { string: 'string', int: 'int', double: 'double', boolean: 'bool', 'string[]': 'array' } as const;

test('each attribute has the type of the table, whatever its value', (t) => {
  const types = new Map(table.map(({ key, type }) => [key, kinds[type]]));
  for (const { scopes } of decodeLogs(writeOurs(records)))
    for (const { attributes } of scopes[0]?.items ?? [])
      for (const [key, { kind }] of Object.entries(attributes)) t.true(kind === types.get(key), key);
});

test('a record has its times, severity and event name, and no body', (t) => {
  const [resource] = decodeLogs(writeOurs([makeRecord(3, { event: 'failed', errorType: 'timed_out' })]));
  const [scope] = resource?.scopes ?? [];
  t.like(resource, { schemaUrl });
  t.like(scope, { name: 'sockflow', version: host.agentVersion, schemaUrl });
  const { attributes, ...record } = (scope as { items: DecodedRecord[] }).items[0] as DecodedRecord;
  t.deepEqual(record, {
    time: makeRecord(3).time,
    observedTime: observed,
    severityNumber: 13,
    severityText: 'WARN',
    eventName: 'sockflow.connection.failed',
    hasBody: false,
  });
  t.deepEqual(attributes['error.type'], { kind: 'string', value: 'timed_out' });
});

test('client and server are named by role, source and destination where it is unknown', (t) => {
  const ends = (role: ConnectionRecord['role']) => {
    const [resource] = decodeLogs(writeOurs([makeRecord(0, { role })]));
    const attributes = resource?.scopes[0]?.items[0]?.attributes ?? {};
    return Object.entries(attributes).flatMap(([key, { value }]) =>
      /^(client|server|source|destination)\./.test(key) ? [[key, value]] : [],
    );
  };
  t.deepEqual(ends('client'), [
    ['client.address', '192.168.17.23'],
    ['client.port', 32768n],
    ['server.address', '10.96.0.114'],
    ['server.port', 5432n],
  ]);
  t.deepEqual(ends('server'), [
    ['client.address', '10.96.0.114'],
    ['client.port', 5432n],
    ['server.address', '192.168.17.23'],
    ['server.port', 32768n],
  ]);
  t.deepEqual(ends('unknown'), [
    ['source.address', '192.168.17.23'],
    ['source.port', 32768n],
    ['destination.address', '10.96.0.114'],
    ['destination.port', 5432n],
  ]);
});

test('text that is not well formed becomes U+FFFD, and values of any length stay whole', (t) => {
  const odd = ['\ud800', 'a\udfffb', 'größe 🚀', 'x'.repeat(20_000), '', '\u0000\u001b[31m\n'];
  const attributes = odd.map(
    (text, index): Attribute<ConnectionRecord> => ({
      key: `odd.n${index}`,
      type: 'string',
      description: '',
      when: '',
      read: () => text,
    }),
  );
  const [resource] = decodeLogs(writeOurs([makeRecord(0), makeRecord(1)], { attributes: [...attributes, ...table] }));
  for (const { attributes: read } of resource?.scopes[0]?.items ?? [])
    odd.forEach((text, index) => void t.is(read[`odd.n${index}`]?.value, text.toWellFormed()));
});

test('numbers that are no plain count are kept as they are', (t) => {
  const numbers = [0, 1, 127, 128, 16383, 16384, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 62, -1, -(2 ** 63), 0.5, 1e300];
  const attributes = numbers.map(
    (number, index): Attribute<ConnectionRecord> => ({
      key: `number.n${index}`,
      type: 'int',
      description: '',
      when: '',
      read: () => number,
    }),
  );
  const [resource] = decodeLogs(writeOurs([makeRecord(0)], { attributes }));
  const read = resource?.scopes[0]?.items[0]?.attributes ?? {};
  numbers.forEach((number, index) => void t.is(Number(read[`number.n${index}`]?.value), number));
});

test('lists and flags are written', (t) => {
  const list = ['a', 'ü', ''];
  const attributes: Table = [
    { key: 'some.list', type: 'string[]', description: '', when: '', read: () => list },
    { key: 'some.flag', type: 'boolean', description: '', when: '', read: () => false },
  ];
  t.deepEqual(normalise(decodeLogs(writeOurs([makeRecord(0)], { attributes })))[0]?.scopes[0]?.items[0]?.attributes, {
    'some.flag': false,
    'some.list': list.map((value) => ({ kind: 'string', value })),
  });
});

test('the size is known before the request is taken', (t) => {
  const writer = new LogWriter({ attributes: table, host });
  for (const record of records) writer.add(record, observed);
  const { size } = writer;
  const { bytes, count } = writer.take();
  t.true(bytes.length <= size && bytes.length > size * 0.95);
  t.is(count, 200);
  t.is(writer.size, 0);
  t.is(writer.take().bytes.length, 0);
});

test('a batch begins anew: nothing of the last one is in it, and later names are', (t) => {
  const process = makeProcess(1);
  delete process.userName;
  const writer = new LogWriter({ attributes: table, host });
  writer.add(makeRecord(1, { process }), observed);
  const first = decodeLogs(writer.take().bytes);
  process.userName = 'alice';
  writer.add(makeRecord(2, { process }), observed);
  const second = decodeLogs(writer.take().bytes);
  t.is(first[0]?.attributes['process.user.name'], undefined);
  t.deepEqual(second[0]?.attributes['process.user.name'], { kind: 'string', value: 'alice' });
  t.is(second[0]?.scopes[0]?.items.length, 1);
});

test('a record has the same uid each time, and no other record has it', (t) => {
  const uid = (record: ConnectionRecord) =>
    decodeLogs(writeOurs([record]))[0]?.scopes[0]?.items[0]?.attributes['log.record.uid']?.value;
  const base = makeRecord(1);
  t.is(uid(base), uid({ ...base }));
  const others: Partial<ConnectionRecord>[] = [
    { id: 'feed000000000002' },
    { role: 'server' },
    { event: 'update' },
    { time: base.time + 1n },
    { localPort: 1 },
  ];
  t.is(new Set([{}, ...others].map((change) => uid({ ...base, ...change }))).size, 6);
});
