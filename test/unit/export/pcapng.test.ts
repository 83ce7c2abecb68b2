import { execFileSync } from 'node:child_process';
import test from 'ava';
import { createJsonFormatter, createJsonLookupFormatter } from '../../../src/export/json.ts';
import { createPcapngFormatter, formatHead } from '../../../src/export/pcapng.ts';
import type { ConnectionRecord, LookupRecord } from '../../../src/model.ts';
import { host, makeProcess, makeRecord, makeVariedRecords, ownNetworkNamespace } from '../../support/otlp-records.ts';
import { type Packet, readPcapng } from '../../support/pcapng.ts';

const options = { host, ownNetworkNamespace, attributes: {} };
const format = createPcapngFormatter(options);

function read(...records: (ConnectionRecord | LookupRecord)[]) {
  return readPcapng(Buffer.concat([formatHead('1.2.3'), ...records.map(format)]));
}

function packetOf(record: ConnectionRecord | LookupRecord): Packet {
  return read(record).packets[0] as Packet;
}

const textOf = (packet: Packet, tag: number) => packet.tags.get(tag)?.toString().replace(/\0+$/, '');
const hexOf = (packet: Packet, tag: number) => packet.tags.get(tag)?.toString('hex');

test('a file without events is one that can be read', (t) => {
  const { linkType, sectionOptions, interfaceOptions, packets } = read();
  t.is(linkType, 252);
  t.regex(`${sectionOptions.get(3)}`, /^Linux \d/);
  t.is(`${sectionOptions.get(4)}`, 'sockflow 1.2.3');
  t.is(`${interfaceOptions.get(2)}`, 'sockflow');
  t.deepEqual(interfaceOptions.get(9), Buffer.of(9), 'times are nanoseconds');
  t.deepEqual(packets, []);
});

test('each event is a packet with its time and its JSON line', (t) => {
  const records = makeVariedRecords();
  const json = createJsonFormatter(options);
  const { packets } = read(...records);
  t.true(records.length > 5);
  t.deepEqual(
    packets.map(({ payload }) => `${payload}\n`),
    records.map(json),
  );
  t.deepEqual(
    packets.map(({ time }) => time),
    records.map(({ time }) => time),
  );
});

test('who began is the source, at both ends', (t) => {
  const ends = { localAddress: '10.0.0.1', localPort: 40_000, peerAddress: '192.0.2.9', peerPort: 443 } as const;
  const client = packetOf(makeRecord(0, { ...ends, networkType: 'ipv4', role: 'client' }));
  const server = packetOf(makeRecord(0, { ...ends, networkType: 'ipv4', role: 'server' }));
  const of = (packet: Packet) => [20, 21, 24, 25, 26].map((tag) => hexOf(packet, tag));
  t.deepEqual(of(client), ['0a000001', 'c0000209', '00000002', '00009c40', '000001bb']);
  t.deepEqual(of(server), ['c0000209', '0a000001', '00000002', '000001bb', '00009c40']);
  t.is(textOf(client, 12), 'json');
  t.is(textOf(client, 33), 'sockflow');
});

test('all 16 bytes of an address of IPv6', (t) => {
  const record = makeRecord(0, {
    networkType: 'ipv6',
    role: 'client',
    localAddress: 'fe80::1',
    peerAddress: '2001:db8::2:3',
  });
  const packet = packetOf(record);
  t.is(hexOf(packet, 22), `fe80${'0'.repeat(27)}1`);
  t.is(hexOf(packet, 23), '20010db8000000000000000000020003');
  t.false(packet.tags.has(20) || packet.tags.has(21));
});

test('an address that is not known is no address', (t) => {
  const packet = packetOf(makeRecord(0, { role: 'client', peerAddress: '', peerPort: 0 }));
  t.false(packet.tags.has(21) || packet.tags.has(23));
});

test('the list of packets says what matters, and the names of others do no harm', (t) => {
  const process = { ...makeProcess(1), executableName: 'a\0b' };
  t.regex(textOf(packetOf(makeRecord(0, { process })), 36) ?? '', /^close a\ufffdb\[1001\] \S/);
  t.regex(
    textOf(packetOf(makeRecord(0, { process: undefined, event: 'failed', errorType: 'timed_out' })), 36) ?? '',
    /^failed - timed_out/,
  );
});

test('a look-up is a packet to its server', (t) => {
  const lookup: LookupRecord = {
    event: 'dns',
    time: 1_700_000_000_000_000_001n,
    startTime: 1_700_000_000_000_000_000n,
    transport: 'udp',
    networkType: 'ipv4',
    peerAddress: '127.0.0.53',
    peerPort: 53,
    networkNamespace: ownNetworkNamespace,
    cookie: 5n,
    process: undefined,
    questionName: 'no.example',
    questionType: 'AAAA',
    errorType: 'nxdomain',
  };
  const packet = packetOf(lookup);
  t.is(`${packet.payload}\n`, createJsonLookupFormatter(options)(lookup));
  t.deepEqual([hexOf(packet, 21), hexOf(packet, 24), hexOf(packet, 26)], ['7f000035', '00000003', '00000035']);
  t.is(textOf(packet, 36), 'dns - no.example AAAA nxdomain');
});

test('wireshark/sockflow.lua has the fields that the table has', (t) => {
  t.notThrows(() => execFileSync(process.execPath, ['scripts/generate-wireshark.ts', '--check'], { stdio: 'pipe' }));
});
