/** Who it was: on the resource, or on each record. */
import test from 'ava';
import { LogWriter } from '../../../src/export/otlp/log-writer.ts';
import { readCommon, readIdentity } from '../../../src/export/otlp/resource.ts';
import { createLookupAttributes, hostAttributes, resourceAttributes } from '../../../src/export/semconv.ts';
import type { ConnectionRecord, LookupRecord } from '../../../src/model.ts';
import { normalise, observed, table, writeOurs, writeSdks } from '../../support/otlp-both-ways.ts';
import { type DecodedRecord, decodeLogs } from '../../support/otlp-decode.ts';
import { host, makeProcess, makeRecord, makeVariedRecords, ownNetworkNamespace } from '../../support/otlp-records.ts';

const identity = 'record';
const records = makeVariedRecords();

function itemsOf(bytes: Uint8Array): DecodedRecord[] {
  return decodeLogs(bytes).flatMap(({ scopes }) => scopes.flatMap(({ items }) => items));
}

test('on the record, the writer and the SDK say the same of 200 varied records, below the resource of the host', (t) => {
  const ours = normalise(decodeLogs(writeOurs(records, { identity })));
  t.deepEqual(ours, normalise(decodeLogs(writeSdks(records, { identity }))));
  t.is(ours.length, 1);
  t.deepEqual(ours[0]?.attributes, Object.fromEntries(Object.entries(readCommon({ host })).toSorted()));
  t.is(ours[0]?.scopes[0]?.items.length, 200);
});

test('a record has what its resource would have, and all that it had before', (t) => {
  const onRecords = new Map(itemsOf(writeOurs(records, { identity })).map((item) => [item.time, item]));
  for (const { attributes, scopes } of decodeLogs(writeOurs(records)))
    for (const item of scopes.flatMap(({ items }) => items)) {
      const own = Object.entries(attributes).filter(([key]) => !hostAttributes.some((one) => one.key === key));
      const expected = { ...item, attributes: { ...item.attributes, ...Object.fromEntries(own) } };
      t.deepEqual(onRecords.get(item.time), expected);
    }
});

test('no key says one thing of the record and another of whose it is', (t) => {
  const lookup = createLookupAttributes({ ownNetworkNamespace });
  const ofRecords = new Set([...table, ...lookup].map(({ key }) => key));
  t.deepEqual(
    resourceAttributes.map(({ key }) => key).filter((key) => ofRecords.has(key)),
    [],
  );
});

/** With a path each, so that what is known of them outgrows any first buffer. */
function manyProcesses(): ConnectionRecord[] {
  const path = `/${'deep/'.repeat(100)}`;
  const owners = Array.from({ length: 307 }, (_, n) => makeProcess(n, { executablePath: `${path}${n}` }));
  return Array.from({ length: 3 * owners.length }, (_, n) =>
    makeRecord(n, { process: owners[(n * 7) % owners.length] }),
  );
}

test('each record has its own process, however many there are', (t) => {
  const many = manyProcesses();
  const items = itemsOf(writeOurs(many, { identity }));
  t.deepEqual(
    items.map(({ attributes }) => attributes['process.executable.path']?.value),
    many.map(({ process }) => process?.executablePath),
  );
});

test('a batch begins anew: names that came later are on its records', (t) => {
  const process = makeProcess(1);
  delete process.userName;
  const writer = new LogWriter({ attributes: table, host, identity });
  const name = () => itemsOf(writer.take().bytes)[0]?.attributes['process.user.name']?.value;
  writer.add(makeRecord(1, { process }), observed);
  t.is(name(), undefined);
  process.userName = 'alice';
  writer.add(makeRecord(2, { process }), observed);
  t.is(name(), 'alice');
});

test('a look-up says who asked', (t) => {
  const process = makeProcess(1, { executableName: 'curl', pid: 30197 });
  const lookup: LookupRecord = {
    ...{ event: 'dns', time: observed, startTime: observed, transport: 'udp', networkType: 'ipv4', cookie: 1n },
    ...{ peerAddress: '10.0.0.53', peerPort: 53, networkNamespace: ownNetworkNamespace, process },
    ...{ questionName: 'gone.example', questionType: 'A', errorType: 'nxdomain' },
  };
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  const writer = new LogWriter({ attributes: table, lookupAttributes, host, identity });
  writer.addLookup(lookup, observed);
  const [item] = itemsOf(writer.take().bytes);
  for (const [key, value] of Object.entries(readIdentity(process, {})))
    t.is(String(item?.attributes[key]?.value), String(value), key);
});

test('the size is known before the request is taken, and never less than it', (t) => {
  const writer = new LogWriter({ attributes: table, host, identity });
  for (const record of records) writer.add(record, observed);
  const { size } = writer;
  const { bytes } = writer.take();
  t.true(bytes.length <= size && bytes.length > size * 0.95);
});

test("what the user adds fills the gaps of what is known, and the service's name has none", (t) => {
  const extra = { tenant: 'blue', 'k8s.pod.name': 'of the user', 'service.name': 'of the user' };
  const known = makeProcess(2, { pod: { uid: 'u', details: { name: 'web-0', namespace: 'shop' } } });
  const three = [{ process: makeProcess(1) }, { process: known }, { process: undefined }];
  const given = three.map((changes, number) => makeRecord(number, changes));
  const ours = normalise(decodeLogs(writeOurs(given, { extra })));
  t.deepEqual(ours, normalise(decodeLogs(writeSdks(given, { extra }))));
  const names = ours.map(({ attributes }) => attributes['k8s.pod.name']);
  t.deepEqual(names.toSorted(), ['of the user', 'of the user', 'web-0']);
  t.true(ours.every(({ attributes }) => attributes.tenant === 'blue' && attributes['service.name'] !== 'of the user'));

  const flat = normalise(decodeLogs(writeOurs(given, { extra, identity })));
  t.deepEqual(flat, normalise(decodeLogs(writeSdks(given, { extra, identity }))));
  t.is(flat[0]?.attributes['k8s.pod.name'], 'of the user');
});
