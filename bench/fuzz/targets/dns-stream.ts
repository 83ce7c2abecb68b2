/** DNS as it passes port 53: questions, answers, and pieces of streams, in any order, of any content. */

import type { DnsPacket } from '../../../src/capture/dns.ts';
import { createNames } from '../../../src/dns/index.ts';
import { Ledger } from '../../../src/ledger.ts';
import { address, message, name } from '../../../test/support/dns-message.ts';
import { damagedBytes } from '../lib/bytes.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const question = message({ question: 'www.example.org', isAnswer: false });
const answer = message({ question: 'www.example.org', answers: [address(name('www.example.org'), '10.0.0.1', 60)] });
const inStream = (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);

/** In front of each piece of an input: flags, cookie, place (u16), length. */
const HEAD = 5;
const MOST_PIECES = 64;

export const dnsStream: Target = {
  name: 'dns-stream',
  reads: 'DNS over TCP in pieces, and who asked what',
  few: 3_000,
  open() {
    const ledger = new Ledger();
    const names = createNames({ ledger, files: undefined, findProcess: () => undefined, withLookups: true });
    const seeds = [question, answer, inStream(question), inStream(answer)].map((bytes) => Buffer.from(bytes));
    let time = 1_700_000_000_000_000_000n;
    return {
      make: (random: Random) =>
        Buffer.concat(Array.from({ length: 1 + random.below(8) }, () => makePiece(seeds, random))),
      judge(input) {
        time += 1_000_000n;
        let pieces = 0;
        for (const packet of packetsOf(input, time)) {
          names.learn(packet);
          pieces++;
        }
        const ended = names.takeLookups(time);
        expect(ended.length <= MOST_PIECES + 16_384, `${ended.length} look-ups of ${pieces} pieces`);
        for (const { questionName } of ended) expect(/^[\x21-\x7e]*$/.test(questionName), `name ${questionName}`);
        return ended.length > 0;
      },
    };
  },
};

function makePiece(seeds: readonly Buffer[], random: Random): Buffer {
  const whole = random.oneIn(2) ? random.pick(seeds) : damagedBytes(seeds, random);
  const from = random.oneIn(2) ? 0 : random.below(whole.length);
  const piece = whole.subarray(from, from + random.pick([255, 20, 1]));
  const place = random.oneIn(4) ? random.below(65_536) : from;
  return Buffer.concat([
    Buffer.of(random.below(4), random.below(random.pick([2, 256])), place & 255, place >> 8, piece.length),
    piece,
  ]);
}

function* packetsOf(input: Buffer, time: bigint): Generator<DnsPacket> {
  let pieces = 0;
  for (let at = 0; at + HEAD <= input.length && pieces < MOST_PIECES; pieces++) {
    const [flags = 0, cookie = 0, low = 0, high = 0, length = 0] = input.subarray(at, at + HEAD);
    yield {
      isAnswer: (flags & 1) !== 0,
      transport: flags & 2 ? 'tcp' : 'udp',
      time,
      cookie: BigInt(cookie),
      networkNamespace: 1,
      pid: 1,
      serial: 1,
      serverAddress: '10.0.0.53',
      serverPort: 53,
      position: low + high * 256,
      isCut: (flags & 4) !== 0,
      bytes: Uint8Array.from(input.subarray(at + HEAD, at + HEAD + length)),
    };
    at += HEAD + length;
  }
}
