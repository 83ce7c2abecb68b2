/** Bytes as a hostile server may send them: whole messages that were damaged, put together wrongly, or made of nothing. */
import { parseMessage } from '../../src/dns/message.ts';
import { aaaa, address, alias, message, name, pointer, record } from './dns-message.ts';
import { random as fractions } from './random.ts';

const seeds: readonly Uint8Array[] = [
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

/** One input; `random` is below its limit. */
function makeInput(random: (limit: number) => number): Uint8Array {
  if (random(16) === 0) return Uint8Array.from({ length: random(600) }, () => random(256));
  const bytes = Uint8Array.from(seeds[random(seeds.length)] as Uint8Array);
  for (let changes = random(8); changes > 0; changes--) {
    const at = random(bytes.length);
    bytes[at] = [random(256), 0xc0, 0, 0xff, 63][random(5)] as number;
  }
  return random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
}

/** Reads `count` inputs; throws, with the input, when one breaks the parser's word. How many it understood. */
export function fuzzMessages(count: number, seed: number): number {
  const next = fractions(seed);
  const random = (limit: number) => Math.floor(next() * limit);
  let understood = 0;
  for (let left = count; left > 0; left--) {
    const bytes = makeInput(random);
    try {
      if (judge(bytes)) understood++;
    } catch (error) {
      throw new Error(`seed ${seed}, input ${Buffer.from(bytes).toString('hex')}: ${error}`);
    }
  }
  return understood;
}

function judge(bytes: Uint8Array): boolean {
  const parsed = parseMessage(bytes);
  if (!parsed) return false;
  const { question, addresses } = parsed;
  // An escaped byte takes four characters.
  if (!/^[\x21-\x7e]*$/.test(question.name) || question.name.length > 4 * 255) throw new Error(`name ${question.name}`);
  if (addresses.length * 15 > bytes.length) throw new Error(`${addresses.length} addresses`);
  for (const { address, ttl } of addresses)
    if (!/^[0-9a-f.:]+$/.test(address) || ttl < 0 || ttl > 0x7fffffff) throw new Error(`${address} ${ttl}`);
  return true;
}
