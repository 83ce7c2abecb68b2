/** Flows to TLV and back: what a reader gets is what was in the flow, whatever names and numbers that are. And subscribers. */
import { type Flow, isFlow, toFlow } from '../../../src/export/zmq/flow.ts';
import { createJsonEncoding } from '../../../src/export/zmq/json.ts';
import { createLegacyEncoding } from '../../../src/export/zmq/legacy.ts';
import { type Encoding, MOST_BYTES, MOST_FLOWS, Packer, type Payload } from '../../../src/export/zmq/message.ts';
import { createSubscriptions } from '../../../src/export/zmq/subscriptions.ts';
import { createTlvEncoding } from '../../../src/export/zmq/tlv.ts';
import { makeProcess, makeVariedRecords } from '../../../test/support/otlp-records.ts';
import { decodeTlv } from '../../../test/support/tlv-decode.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { sentence } from '../lib/text.ts';

const varied = makeVariedRecords()
  .filter(isFlow)
  .map((record) => toFlow(record, 1));
const numbers = [
  0,
  1,
  255,
  256,
  65_535,
  65_536,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  1e300,
  0.5,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];
const encodings = [
  createTlvEncoding('id'),
  createTlvEncoding('name'),
  createJsonEncoding('id'),
  createLegacyEncoding('name'),
];

export const tlv: Target = {
  name: 'tlv',
  reads: 'flows that were written for ntopng, and its subscriptions',
  few: 1_500,
  refuses: false,
  longest: 50,
  open() {
    const subscriptions = createSubscriptions();
    return {
      // Sixteen bytes choose a number or a text each; the rest is a text.
      make: (random: Random) =>
        Buffer.concat([
          Buffer.from(Array.from({ length: 16 }, () => random.next() & 255)),
          Buffer.from(makeText(random)),
        ]),
      judge(input) {
        subscriptions.learn(input);
        const flows = [changedFlow(input), changedFlow(input.subarray(1))];
        const index = (input[15] ?? 0) % encodings.length;
        const { payloads, tooLarge } = pack(encodings[index] as Encoding, flows);
        const read = payloads.flatMap(({ bytes }) => (index < 2 ? decodeTlv(bytes) : parseAll(bytes)));
        expect(read.length + tooLarge === flows.length, `${read.length} flows and ${tooLarge} that are too large`);
        for (const { bytes, flows: count } of payloads)
          expect(bytes.length <= MOST_BYTES && count <= MOST_FLOWS, `${bytes.length} bytes`);
        if (index < 2 && tooLarge === 0) checkSame(flows[0] as Flow, read[0] as Record<string, unknown>);
        return true;
      },
    };
  },
};

function pack(encoding: Encoding, flows: readonly Flow[]): { payloads: Payload[]; tooLarge: number } {
  const payloads: Payload[] = [];
  let tooLarge = 0;
  new Packer(encoding).pack(
    flows,
    (payload) => payloads.push(payload),
    () => tooLarge++,
  );
  return { payloads, tooLarge };
}

const parseAll = (bytes: Buffer) => JSON.parse(bytes.toString()) as Record<string, unknown>[];

function makeText(random: Random): string {
  if (random.oneIn(512)) return 'é'.repeat(random.below(40_000));
  return sentence(['/usr/bin/', 'a', 'docker', '\u0001', '\ud83d'], random);
}

function changedFlow(input: Buffer): Flow {
  const number = (at: number) => numbers[(input[at] ?? 0) % numbers.length] as number;
  const base = varied[(input[0] ?? 0) % varied.length] as Flow;
  const text = input.subarray(16).toString();
  const process = makeProcess(1, {
    executablePath: text,
    executableName: text,
    userName: text.slice(0, 40),
    pid: number(1),
    userId: number(2),
    parentExecutablePath: text,
  });
  return {
    ...base,
    first: number(3),
    last: number(4),
    client: {
      ...base.client,
      process,
      port: number(5),
      flags: number(6),
      latency: number(7),
      sent: { bytes: number(8), packets: number(9), retransmits: number(10) },
    },
    server: {
      ...base.server,
      address: text.slice(0, 20),
      latency: number(11),
      sent: { bytes: number(12), packets: number(13), retransmits: number(14) },
    },
  };
}

/** By ntopng's numbers: IN_BYTES, OUT_PKTS, FIRST_SWITCHED, and the name of the client's program. */
function checkSame({ client, server, first }: Flow, read: Record<string, unknown>): void {
  const pairs = [
    [1, client.sent.bytes],
    [24, server.sent.packets],
    [22, first],
  ] as const;
  for (const [id, value] of pairs) {
    const wanted = Number.isFinite(value) ? Math.max(0, Math.trunc(value)) : undefined;
    const got = read[id] === undefined ? undefined : Number(read[id]);
    expect(got === wanted || (wanted ?? 0) >= 2 ** 64, `${id} is ${got}, and was ${value}`);
  }
  const name = client.process?.executablePath?.toWellFormed() || undefined;
  expect(read[57641] === name, `a name is ${JSON.stringify(read[57641])}, and was ${JSON.stringify(name)}`);
}
