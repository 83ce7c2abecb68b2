/** Batches of the reader thread: records with any content, whole and broken ones, and what comes of them on stdout. */
import { createDecoder } from '../../../src/capture/decode.ts';
import {
  sfConnection,
  sfDetails,
  sfDns,
  sfFlow,
  sfInterface,
  sfKind,
  sfProcess,
  sfTranslation,
} from '../../../src/capture/wire.gen.ts';
import { correlateOutcome } from '../../../src/correlate/outcome.ts';
import { parseCgroups } from '../../../src/enrich/cgroup.ts';
import { createJsonFormatter } from '../../../src/export/json.ts';
import { createTextFormatter } from '../../../src/export/text.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { spansOf } from '../../../src/recording/records.ts';
import type { Random } from '../lib/random.ts';
import { recordedBatches } from '../lib/recorded.ts';
import { expect, type Target } from '../lib/target.ts';
import { damagedBatch, recordsOf } from '../lib/wire.ts';

const host = { id: 'fuzz', name: 'fuzz', agentVersion: '0.0.0' };
/** Lines of one record in so many; they cost ten times what decoding does. */
const SHOWN = 64;

export const wire: Target = {
  name: 'wire',
  reads: 'batches from the kernel side',
  few: 4_000,
  open() {
    const seeds = recordedBatches().flatMap(recordsOf);
    const ledger = new Ledger();
    const decoder = createDecoder({
      ledger,
      onProcess: (process) => void parseCgroups(process.cgroups),
      describe: () => undefined,
      onDns: ({ bytes }) => expect(bytes.length > 0, 'a DNS packet without a byte'),
      reasons: { reset: ['', 'one'], drop: [] },
    });
    const json = createJsonFormatter({ host, ownNetworkNamespace: 1, attributes: {} });
    const text = createTextFormatter({ verbose: true, ownNetworkNamespace: 1, env: {}, columns: () => undefined });
    let count = 0;
    return {
      make: (random: Random) => damagedBatch(seeds, random),
      judge(input) {
        const before = malformed(ledger);
        const wanted = wholeRecords(input);
        const records = decoder.decode(inLargerBuffer(input), input.length);
        const found = malformed(ledger) - before;
        expect(records.length === wanted.records, `${records.length} records instead of ${wanted.records}`);
        expect(found === wanted.malformed, `counted ${found} times as malformed instead of ${wanted.malformed}`);
        for (const record of records) {
          correlateOutcome(record);
          check(record);
          if (count++ % SHOWN !== 0) continue;
          JSON.parse(json(record));
          expect(/^[\x20-\x7e\n]+$/.test(text([record]).join('')), 'a control character in a line');
        }
        return records.length > 0;
      },
    };
  },
};

function malformed({ lost }: Ledger): number {
  return lost.find(({ reason }) => reason === 'malformed')?.count ?? 0;
}

/** As the reader thread's: what is behind the batch was in it before. */
const larger = new ArrayBuffer(2 ** 16);
const behind = Uint8Array.from({ length: sfConnection.size }, (_, at) =>
  at === 0 ? sfKind.connection : at === 2 ? sfConnection.size : 0,
);

function inLargerBuffer(input: Buffer): ArrayBuffer {
  const bytes = new Uint8Array(larger);
  bytes.set(input);
  const end = (input.length + 7) & ~7;
  bytes.fill(0, input.length, end);
  bytes.set(behind, end);
  return larger;
}

/** What a batch holds, told without the decoder. */
function wholeRecords(input: Buffer): { records: number; malformed: number } {
  let records = 0;
  let at = 0;
  for (const { kind, offset, length } of spansOf(new DataView(input.buffer, input.byteOffset, input.length))) {
    if (!isWhole(input.subarray(offset, offset + length), kind)) break;
    if (kind === sfKind.connection || kind === sfKind.flow) records++;
    at = offset + ((length + 7) & ~7);
  }
  return { records, malformed: at < input.length ? 1 : 0 };
}

const sizes: Readonly<Record<number, readonly number[]>> = {
  [sfKind.connection]: [sfConnection.size, sfConnection.size + sfDetails.size],
  [sfKind.flow]: [sfFlow.size],
  [sfKind.translation]: [sfTranslation.size],
  [sfKind.interface]: [sfInterface.size],
};

function isWhole(record: Buffer, kind: number): boolean {
  if (kind === sfKind.dns) return record.length > sfDns.size;
  if (kind !== sfKind.process) return sizes[kind]?.includes(record.length) ?? false;
  if (record.length < sfProcess.data) return false;
  const ends = Array.from({ length: 5 }, (_, part) => record.readUInt16LE(sfProcess.partEnd + 2 * part));
  return ends.every((end, part) => end >= (ends[part - 1] ?? 0) && end <= record.length - sfProcess.data);
}

function check(record: ConnectionRecord): void {
  expect(/^[0-9a-f]{16}$/.test(record.id), `id ${record.id}`);
  for (const address of [record.localAddress, record.peerAddress])
    expect(/^[0-9a-f.:]*$/.test(address), `address ${address}`);
  for (const number of [record.sentBytes, record.receivedBytes, record.sentPackets, record.localPort])
    expect(Number.isFinite(number) && number >= 0, `number ${number}`);
}
