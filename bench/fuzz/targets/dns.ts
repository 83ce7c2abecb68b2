/** DNS messages of hostile servers: whole ones that were damaged, put together wrongly, or made of nothing. */
import { parseMessage } from '../../../src/dns/message.ts';
import { aaaa, address, alias, message, name, pointer, record } from '../../../test/support/dns-message.ts';
import { damagedBytes } from '../lib/bytes.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';

const made: readonly Uint8Array[] = [
  message({ question: 'www.example.org', isAnswer: false }),
  message({
    question: 'www.example.org',
    answers: [alias(pointer(12), name('cdn.example')), address(name('cdn.example'), '10.0.0.1', 60)],
  }),
  message({
    question: 'six.example',
    type: 28,
    answers: [aaaa(pointer(12), '2001:db8::1', 60), aaaa(pointer(12), '::ffff:1.2.3.4', 0)],
  }),
  message({
    question: 'deep.example',
    answers: [record(pointer(12), 5, Buffer.concat([Buffer.from('\x01a'), pointer(12)]), 1)],
  }),
  message({ question: 'self.example', answers: [alias(pointer(30), pointer(30)), alias(pointer(12), pointer(40))] }),
  message({
    question: 'odd.example',
    answers: [record(name(''), 41, Buffer.alloc(9), 0), record(pointer(12), 65, Buffer.alloc(60, 0xc0), 9)],
  }),
];

export const dns: Target = {
  name: 'dns',
  reads: 'DNS messages of any server',
  few: 20_000,
  open() {
    const seeds = seedsOf('dns', ...made);
    return { make: (random: Random) => makeMessage(seeds, random), judge: judgeMessage };
  },
};

/** What most often matters in a message: lengths and pointers. */
function makeMessage(seeds: readonly Buffer[], random: Random): Buffer {
  if (random.oneIn(2)) return damagedBytes(seeds, random);
  const bytes = Buffer.from(random.pick(seeds));
  for (let changes = random.below(8); changes > 0; changes--)
    bytes[random.below(bytes.length)] = random.pick([random.next() & 255, 0xc0, 0, 0xff, 63]);
  return bytes;
}

export function judgeMessage(bytes: Uint8Array): boolean {
  const parsed = parseMessage(bytes);
  if (!parsed) return false;
  const { question, addresses } = parsed;
  // An escaped byte takes four characters.
  expect(/^[\x21-\x7e]*$/.test(question.name) && question.name.length <= 4 * 255, `name ${question.name}`);
  expect(addresses.length * 15 <= bytes.length, `${addresses.length} addresses`);
  for (const { address, ttl } of addresses)
    expect(/^[0-9a-f.:]+$/.test(address) && ttl >= 0 && ttl <= 0x7fffffff, `${address} ${ttl}`);
  return true;
}
