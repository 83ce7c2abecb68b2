import test from 'ava';
import { type Flow, isFlow, toFlow } from '../../../../src/export/zmq/flow.ts';
import { createJsonEncoding } from '../../../../src/export/zmq/json.ts';
import { createLegacyEncoding } from '../../../../src/export/zmq/legacy.ts';
import { createHeader, MOST_BYTES, MOST_FLOWS, Packer, type Payload } from '../../../../src/export/zmq/message.ts';
import { createTlvEncoding } from '../../../../src/export/zmq/tlv.ts';
import { makeProcess, makeRecord, makeVariedRecords } from '../../../support/otlp-records.ts';
import { decodeTlv } from '../../../support/tlv-decode.ts';

function makeFlow(number: number, executablePath = '/bin/x'): Flow {
  return toFlow(makeRecord(number, { process: makeProcess(1, { executablePath }) }), 0);
}

const parsers = {
  tlv: decodeTlv,
  json: (bytes: Buffer) => JSON.parse(bytes.toString()) as unknown[],
  legacy: (bytes: Buffer) => JSON.parse(bytes.toString()) as unknown[],
};
const encodings = {
  tlv: createTlvEncoding('id'),
  json: createJsonEncoding('id'),
  legacy: createLegacyEncoding('id'),
};

function pack(name: keyof typeof encodings, flows: readonly Flow[]) {
  const payloads: Payload[] = [];
  const tooLarge: Flow[] = [];
  new Packer(encodings[name]).pack(
    flows,
    (payload) => payloads.push(payload),
    (flow) => tooLarge.push(flow),
  );
  return { payloads, tooLarge };
}

test('the header, byte for byte', (t) => {
  const expected = '666c6f770000000000000000 00000000 03 4d 0465 01020304';
  t.is(createHeader('flow', 3, 77, 1125, 0x01020304).toString('hex'), expected.replaceAll(' ', ''));
  const ports = createHeader('listening-ports', 2, 255, 70_000, 2 ** 32 + 1);
  t.is(ports.toString('hex'), `${Buffer.from('listening-ports\0').toString('hex')}02ff117000000001`);
});

for (const name of ['tlv', 'json', 'legacy'] as const) {
  test(`${name}: every flow is in one message, none of which is too large for any ntopng`, (t) => {
    const flows = Array.from({ length: 2_000 }, (_, number) => makeFlow(number, `/${'x'.repeat(number % 300)}`));
    const { payloads, tooLarge } = pack(name, flows);
    t.deepEqual(tooLarge, []);
    for (const [index, { bytes, flows: count, records }] of payloads.entries()) {
      t.true(bytes.length <= MOST_BYTES);
      t.true(bytes.length > MOST_BYTES / 2 || index === payloads.length - 1, 'it was full');
      t.true(count <= MOST_FLOWS);
      t.is(parsers[name](bytes).length, count);
      t.is(records, count);
    }
    t.is(
      payloads.reduce((sum, { flows: count }) => sum + count, 0),
      flows.length,
    );
  });

  test(`${name}: a flow that fits into no message is told apart, the others go`, (t) => {
    const long = makeFlow(1, `/${'x'.repeat(MOST_BYTES)}`);
    const { payloads, tooLarge } = pack(name, [makeFlow(0), long, makeFlow(2), long]);
    t.deepEqual(tooLarge, [long, long]);
    t.deepEqual(
      payloads.map(({ flows }) => flows),
      [1, 1],
    );
    for (const { bytes } of payloads) t.is(parsers[name](bytes).length, 1);
  });

  test(`${name}: what there is of odd records can be read`, (t) => {
    const flows = makeVariedRecords()
      .filter(isFlow)
      .map((record) => toFlow(record, record.retransmits));
    const { payloads, tooLarge } = pack(name, flows);
    t.deepEqual(tooLarge, []);
    t.is(
      payloads.reduce((sum, { bytes }) => sum + parsers[name](bytes).length, 0),
      flows.length,
    );
  });
}

test('no more flows than ntopng can count', (t) => {
  const tiny = { ...makeFlow(0), client: { ...makeFlow(0).client, process: undefined } };
  const { payloads } = pack('tlv', Array(450).fill(tiny));
  t.deepEqual(
    payloads.map(({ flows }) => flows),
    [200, 200, 50],
  );
});

test('a message says for how many records it stands, and is not changed by the next one', (t) => {
  const packer = new Packer(encodings.tlv);
  const payloads: Payload[] = [];
  const never = () => t.fail();
  packer.pack(
    [{ ...makeFlow(0), records: 2 }, { ...makeFlow(1), records: 0 }, makeFlow(2)],
    (p) => payloads.push(p),
    never,
  );
  const before = Buffer.from(payloads[0]?.bytes ?? []);
  packer.pack([makeFlow(3)], (payload) => payloads.push(payload), never);
  packer.pack([], () => t.fail('a message of nothing'), never);
  t.is(payloads[0]?.records, 3);
  t.deepEqual(payloads[0]?.bytes, before);
  t.is(payloads[1]?.records, 1);
});
