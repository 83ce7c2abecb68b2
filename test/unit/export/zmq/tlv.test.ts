import test from 'ava';
import { type Flow, isFlow, toFlow } from '../../../../src/export/zmq/flow.ts';
import { MOST_BYTES } from '../../../../src/export/zmq/message.ts';
import { createTlvEncoding } from '../../../../src/export/zmq/tlv.ts';
import { makeProcess, makeVariedRecords } from '../../../support/otlp-records.ts';
import { random } from '../../../support/random.ts';
import { decodeTlv, type TlvRecord } from '../../../support/tlv-decode.ts';

const { head, write, version } = createTlvEncoding('id');

/** The message of one flow, from a buffer that had something in it before. */
function encode(flow: Flow, size = MOST_BYTES, encoding = createTlvEncoding('id')): Buffer | undefined {
  const target = Buffer.alloc(size, 0xee);
  encoding.head.copy(target);
  const end = encoding.write(flow, target, head.length);
  return end < 0 ? undefined : target.subarray(0, end);
}

function decode(flow: Flow, encoding = createTlvEncoding('id')): TlvRecord {
  const records = decodeTlv(encode(flow, MOST_BYTES, encoding) as Buffer);
  if (records.length !== 1 || !records[0]) throw new Error('not one record');
  return records[0];
}

const nobody = { process: undefined, total: { bytes: 0, packets: 0 }, flags: 0, latency: undefined };
const still = { bytes: 0, packets: 0, retransmits: 0 };

/** As little as a flow can say. */
const plain: Flow = {
  transport: 'tcp',
  ipVersion: 4,
  client: { ...nobody, address: '10.0.0.1', port: 1, sent: { ...still } },
  server: { ...nobody, address: '10.0.0.2', port: 443, sent: { ...still } },
  teller: 'client',
  first: 1_795_557_522,
  last: 1_795_557_542,
  records: 1,
};

test('byte for byte: numbers in the smallest size, texts with their length', (t) => {
  const flow: Flow = {
    ...plain,
    client: { ...plain.client, sent: { bytes: 0x1234, packets: 0, retransmits: 3 }, flags: 0x1a, latency: 0.25 },
    server: { ...plain.server, sent: { bytes: 2 ** 32 + 5, packets: 0x01020304, retransmits: 0 } },
  };
  const expected = [
    '01 01',
    '22 3c 04', // IP_PROTOCOL_VERSION
    '2b 08 00 08 31 30 2e 30 2e 30 2e 31', // IPV4_SRC_ADDR
    '2b 0c 00 08 31 30 2e 30 2e 30 2e 32', // IPV4_DST_ADDR
    '22 07 01', // L4_SRC_PORT
    '23 0b 01 bb', // L4_DST_PORT
    '22 04 06', // PROTOCOL
    '24 16 6b 06 08 92', // FIRST_SWITCHED
    '24 15 6b 06 08 a6', // LAST_SWITCHED
    '23 01 12 34', // IN_BYTES
    '22 02 00', // IN_PKTS
    '25 17 00 00 00 01 00 00 00 05', // OUT_BYTES
    '24 18 01 02 03 04', // OUT_PKTS
    '32 e0 ce 1a', // CLIENT_TCP_FLAGS
    '3a e0 fb 00 00 7a 43', // CLIENT_NW_LATENCY_MS: 250.0, the one in the machine's order
    '32 e0 ed 03', // RETRANSMITTED_IN_PKTS
    '01',
  ];
  t.is(encode(flow)?.toString('hex'), expected.join('').replaceAll(' ', ''));
  t.is(version, 3);
});

test('byte for byte: a process, by numbers, and names where there are none', (t) => {
  const process = makeProcess(1, {
    pid: 1234,
    executablePath: '/bin/x',
    userId: 0,
    userName: 'ro',
    parentPid: 1,
    parentExecutablePath: '/i',
    parentUserId: 70_000,
    parentUserName: '',
    container: { id: 'ab'.repeat(32), runtime: 'cri-o', details: { runtime: 'cri-o', podContainerName: 'c' } },
    pod: { uid: 'u', details: { name: 'p', namespace: 'n' } },
  });
  const client = { ...plain.client, process };
  const expected = [
    '01 01',
    '3b e1 29 00 06 2f 62 69 6e 2f 78', // SRC_PROC_NAME
    '33 e1 28 04 d2', // SRC_PROC_PID
    '32 e2 29 00', // SRC_PROC_UID
    '3b e1 f4 00 02 72 6f', // SRC_PROC_USER_NAME
    '32 e1 f5 01', // SRC_FATHER_PROC_PID
    '3b e1 f6 00 02 2f 69', // SRC_FATHER_PROC_NAME
    '34 e2 b4 00 01 11 70', // SRC_FATHER_PROC_UID
    '3b e2 ae 00 0c 61 62 61 62 61 62 61 62 61 62 61 62', // SRC_PROC_CONTAINER_ID
    'bb 00 0b 53 52 43 5f 4b 38 53 5f 50 4f 44 00 01 70', // SRC_K8S_POD
    'bb 00 0a 53 52 43 5f 4b 38 53 5f 4e 53 00 01 6e', // SRC_K8S_NS
    'bb 00 12 53 52 43 5f 43 4f 4e 54 41 49 4e 45 52 5f 4e 41 4d 45 00 01 63', // SRC_CONTAINER_NAME
    '22 3c 04',
  ];
  const bytes = encode({ ...plain, client })?.toString('hex') ?? '';
  t.true(bytes.startsWith(expected.join('').replaceAll(' ', '')), bytes);
});

test("the server's process has numbers of its own", (t) => {
  const container = { id: '5f'.repeat(32), runtime: 'docker', details: { runtime: 'docker', name: 'web' } };
  const record = decode({ ...plain, server: { ...plain.server, process: makeProcess(7, { container }) } });
  t.like(record, {
    57847: 1007,
    57848: '/usr/bin/worker7',
    57898: 33,
    57849: 'www-data',
    57850: 1,
    57851: '/usr/lib/systemd/systemd',
    58039: 0,
    58040: 'root',
    58031: '5f5f5f5f5f5f',
    DST_CONTAINER_NAME: 'web',
  });
  t.deepEqual(
    Object.keys(record).filter((key) => key.startsWith('SRC') || ['57640', '57641', '58030'].includes(key)),
    [],
  );
});

test('on request a container is called by its name', (t) => {
  const container = { id: '5f'.repeat(32), runtime: 'docker', details: { runtime: 'docker', name: 'web' } };
  const pod = { uid: 'u', details: { name: 'web-0', namespace: 'shop' } };
  const named = createTlvEncoding('name');
  const idOf = (changes: object) =>
    decode({ ...plain, client: { ...plain.client, process: makeProcess(1, changes) } }, named)[58030];
  t.is(idOf({ container }), 'web');
  t.is(idOf({ container, pod }), 'shop/web-0/web');
  t.is(idOf({ container: { id: 'lxc-1', runtime: 'lxc' } }), 'lxc-1');
});

test('what a name holds is told as it is, what is no Unicode is replaced', (t) => {
  const executablePath = '/opt/größe/日本語 🚀/\ud800broken';
  const record = decode({ ...plain, client: { ...plain.client, process: makeProcess(1, { executablePath }) } });
  t.is(record[57641], '/opt/größe/日本語 🚀/\ufffdbroken');
});

test('IPv6 has its own keys, and only these', (t) => {
  const client = { ...plain.client, address: '2001:db8::1' };
  const server = { ...plain.server, address: 'fe80::2' };
  const record = decode({ ...plain, ipVersion: 6, transport: 'udp', client, server });
  t.like(record, { 60: 6, 27: '2001:db8::1', 28: 'fe80::2', 4: 17 });
  t.false('8' in record || '12' in record);
});

test('each of many records can be read, and each text and number is whole', (t) => {
  for (const record of makeVariedRecords().filter(isFlow)) {
    const flow = toFlow(record, record.retransmits);
    const read = decode(flow);
    t.is(read[8] ?? read[27], flow.client.address);
    t.is(read[11], flow.server.port);
    t.is(BigInt(read[1] as number), BigInt(flow.client.sent.bytes));
  }
});

test('at whatever length: whole or not at all, and nothing beyond the end is touched', (t) => {
  const next = random(7);
  let whole = 0;
  for (const record of makeVariedRecords().filter(isFlow)) {
    const flow = toFlow(record, 1);
    const length = encode(flow)?.length ?? 0;
    const sizes = [length, length - 1, ...Array.from({ length: 20 }, () => 2 + Math.floor(next() * (length + 8)))];
    for (const size of sizes) {
      const target = Buffer.alloc(length + 64, 0xee);
      head.copy(target);
      const end = write(flow, target.subarray(0, size), head.length);
      t.is(end, size >= length ? length : -1);
      t.true(target.subarray(Math.max(size, end)).every((byte) => byte === 0xee));
      if (end < 0) continue;
      decodeTlv(target.subarray(0, end));
      whole++;
    }
  }
  t.true(whole > 50);
});

test('numbers of every size come back', (t) => {
  const next = random(11);
  for (let bits = 0; bits <= 53; bits++)
    for (const bytes of [2 ** bits - 1, Math.floor(2 ** bits * next()), Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)]) {
      const read = decode({ ...plain, client: { ...plain.client, sent: { ...still, bytes } } });
      t.is(Number(read[1]), bytes);
    }
});

test('what is no number is left out, what is below zero is none', (t) => {
  const odd = {
    ...plain.client,
    latency: Number.NaN,
    sent: { bytes: -5, packets: Number.POSITIVE_INFINITY, retransmits: 0 },
  };
  const read = decode({ ...plain, client: odd });
  t.is(read[1], 0);
  t.false('2' in read || '57595' in read);
});

test('a text that its length cannot tell is not written, nor is its flow', (t) => {
  const process = makeProcess(1, { executablePath: `/${'x'.repeat(65_535)}` });
  t.is(encode({ ...plain, client: { ...plain.client, process } }, 200_000), undefined);
  const fits = makeProcess(1, { executablePath: `/${'x'.repeat(65_534)}` });
  t.is(decodeTlv(encode({ ...plain, client: { ...plain.client, process: fits } }, 200_000) as Buffer).length, 1);
});
