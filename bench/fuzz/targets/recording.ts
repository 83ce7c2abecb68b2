/** Recordings that were damaged on their way: refused in words, or replayed as far as they are whole. */
import { createDecoder } from '../../../src/capture/decode.ts';
import type { Source } from '../../../src/capture/source.ts';
import { correlateOutcome } from '../../../src/correlate/outcome.ts';
import { createEnrichment } from '../../../src/enrich/index.ts';
import { StartError } from '../../../src/errors.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { ConnectionRecord, Process } from '../../../src/model.ts';
import { openReplay } from '../../../src/recording/replay.ts';
import { damage } from '../lib/bytes.ts';
import { seedsOf } from '../lib/corpus.ts';
import { inputFile } from '../lib/files.ts';
import { damagedJson } from '../lib/json.ts';
import type { Random } from '../lib/random.ts';
import { madeRecording } from '../lib/recorded.ts';
import { expect, refusing, type Target } from '../lib/target.ts';

/** What a file of recording begins with, and each of its frames. */
const HEAD = 16;
const MOST_FAULTS = 1_000;

export const recording: Target = {
  name: 'recording',
  reads: 'recordings of --record',
  few: 200,
  inputs: 400_000,
  longest: 50,
  open() {
    const file = inputFile();
    const replay = createReplayer();
    const seeds = seedsOf('recording', madeRecording());
    return {
      make: (random: Random) =>
        random.oneIn(2)
          ? changeFrame(random.pick(seeds), random)
          : damage(Buffer.from(random.pick(seeds)), random, seeds, random.below(5)),
      async judge(input) {
        file.put(input);
        const ledger = new Ledger();
        const options = { tcp: false, udp: (input[40] ?? 0) % 8 === 0, networkNamespace: undefined };
        const source = refusing(() => openReplay(file.path, options, { warn: () => undefined }, ledger), StartError);
        if (!source) return false;
        // What knows names is as dear as a decoder, and made for each source.
        const records = await replay(source, input.length % 64 === 0);
        for (const record of records) check(record);
        checkCounts(source);
        const faults = [...ledger.faults.values()].reduce((sum, count) => sum + count, 0);
        expect(faults <= MOST_FAULTS, `${faults} faults`);
        return records.length > 0;
      },
      close: () => file.remove(),
    };
  },
};

/** One frame with another time or content; the frames around it stay as they are. */
function changeFrame(seed: Buffer, random: Random): Buffer {
  const frames: Buffer[] = [];
  for (let at = HEAD; at + HEAD <= seed.length; ) {
    const end = Math.min(seed.length, at + HEAD + ((seed.readUInt32LE(at) + 7) & ~7));
    frames.push(seed.subarray(at, end));
    at = end;
  }
  const index = random.below(Math.min(frames.length, 6));
  const frame = Buffer.from(frames[index] ?? seed);
  if (frame.length < HEAD) return frame;
  if (random.oneIn(3)) frame.writeBigUInt64LE(random.pick([0n, 1n, 2n ** 62n, 2n ** 64n - 1n]), 8);
  const changed = random.oneIn(2) ? changePayload(frame, random) : frame;
  return Buffer.concat([seed.subarray(0, HEAD), ...frames.with(index, changed)]);
}

function changePayload(frame: Buffer, random: Random): Buffer {
  const payload = frame.subarray(HEAD, HEAD + frame.readUInt32LE(0));
  const changed = isJson(payload)
    ? Buffer.from(damagedJson(JSON.parse(payload.toString()), random))
    : damage(Buffer.from(payload), random, [payload], 1 + random.below(4));
  const head = Buffer.from(frame.subarray(0, HEAD));
  head.writeUInt32LE(changed.length, 0);
  return Buffer.concat([head, changed, Buffer.alloc(-changed.length & 7)]);
}

function isJson(payload: Buffer): boolean {
  try {
    JSON.parse(payload.toString());
    return true;
  } catch {
    return false;
  }
}

/** A decoder takes megabytes, so one serves all inputs; what it has learnt of the last ones does no harm. */
function createReplayer() {
  const ledger = new Ledger();
  let source: Source | undefined;
  let enrich: (process: Process) => void = () => undefined;
  const decoder = createDecoder({
    ledger,
    onProcess: (process) => enrich(process),
    describe: (pid, serial) => source?.describe(pid, serial),
  });
  return async (given: Source, isNamed: boolean): Promise<ConnectionRecord[]> => {
    source = given;
    enrich = isNamed ? createEnrichment(given.identify(() => undefined).enrichers, ledger) : () => undefined;
    const records: ConnectionRecord[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const description = given.start({
      onBatch(buffer, length) {
        for (const record of decoder.decode(buffer, length)) {
          correlateOutcome(record);
          records.push(record);
        }
      },
      onEnd: resolve,
      isBusy: () => false,
      isMakingRoom: () => false,
    });
    await promise;
    await given.stop();
    expect(typeof description === 'string', 'no description');
    return records;
  };
}

function check({ id, localAddress, process }: ConnectionRecord): void {
  expect(/^[0-9a-f]{16}$/.test(id) && typeof localAddress === 'string', `id ${id}`);
  if (!process) return;
  for (const text of [process.executableName, process.userName ?? '', process.executablePath ?? ''])
    expect(typeof text === 'string', `${JSON.stringify(text)} instead of a text`);
}

function checkCounts(source: Source): void {
  const { opened, closed, live, lost, dropped, udp, folded } = source.counts();
  const all = [
    opened,
    closed,
    live,
    folded,
    udp.opened,
    udp.closed,
    udp.live,
    ...Object.values(lost),
    ...Object.values(dropped),
  ];
  for (const number of all) expect(Number.isFinite(number), `count ${number}`);
}
