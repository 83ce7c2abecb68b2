import test from 'ava';
import { parseMessage } from '../../../src/dns/message.ts';
import { aaaa, address, alias, message, name, pointer, record } from '../../support/dns-message.ts';

test('a question: lower case, without the dot at the end', (t) => {
  t.deepEqual(parseMessage(message({ id: 7, isAnswer: false, question: 'WwW.Shop.Example', type: 28 })), {
    id: 7,
    isAnswer: false,
    code: 0,
    isTruncated: false,
    question: { name: 'www.shop.example', type: 28 },
    addresses: [],
  });
});

test('addresses of the name and of what it is an alias of, in any order; of nothing else', (t) => {
  const answers = [
    address(name('edge.example'), '10.0.0.2', 30),
    alias(name('cdn.example'), name('edge.example')),
    alias(pointer(12), name('cdn.example')),
    address(name('other.example'), '10.0.0.9', 30),
    aaaa(name('edge.example'), '2001:db8::1', 31),
    aaaa(name('edge.example'), '::ffff:10.0.0.3', 32),
  ];
  t.deepEqual(parseMessage(message({ question: 'www.example', answers }))?.addresses, [
    { address: '10.0.0.2', ttl: 30 },
    { address: '2001:db8::1', ttl: 31 },
    { address: '10.0.0.3', ttl: 32 },
  ]);
});

test('aliases that lead in a circle end', (t) => {
  const answers = [
    alias(name('a.example'), name('b.example')),
    alias(name('b.example'), name('a.example')),
    address(name('b.example'), '10.0.0.1', 1),
  ];
  t.deepEqual(parseMessage(message({ question: 'a.example', answers }))?.addresses, [{ address: '10.0.0.1', ttl: 1 }]);
});

test('failures and truncation', (t) => {
  t.like(parseMessage(message({ question: 'gone.example', code: 3 })), { code: 3, addresses: [] });
  t.like(parseMessage(message({ question: 'many.example', isTruncated: true })), { isTruncated: true });
});

test('what stands behind the answers does not matter', (t) => {
  const whole = message({ question: 'a.example', answers: [address(pointer(12), '10.0.0.1', 1)], additional: 1 });
  const option = Buffer.concat([Buffer.from([0]), Buffer.from('002904d000008000ffff', 'hex')]);
  t.is(parseMessage(Buffer.concat([whole, option]))?.addresses.length, 1);
});

test('a label may hold any byte', (t) => {
  const odd = Buffer.from([4, 0x61, 0x2e, 0x1b, 0x5c, 0]);
  t.is(parseMessage(message({ question: odd }))?.question.name, 'a\\.\\027\\\\');
});

test('a time to live beyond 31 bits is none', (t) => {
  const answers = [address(pointer(12), '10.0.0.1', 0xffffffff)];
  t.deepEqual(parseMessage(message({ question: 'a.example', answers }))?.addresses, [{ address: '10.0.0.1', ttl: 0 }]);
});

const twice = Buffer.concat([name('a'.repeat(63)).subarray(0, -1), name('b'.repeat(63)).subarray(0, -1)]);
const refused: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['a header alone', message({ question: 'a.example' }).subarray(0, 12)],
  ['two questions', withQuestions(2)],
  ['no question', withQuestions(0)],
  ['a question without its end', message({ question: 'a.example' }).subarray(0, -3)],
  ['a name that points at itself', message({ question: pointer(12) })],
  ['a name that points forward', message({ question: Buffer.concat([Buffer.from('\x01a'), pointer(20)]) })],
  ['a name that points into the header', message({ question: pointer(2) })],
  ['a name of 256 bytes', message({ question: Buffer.concat([twice, twice, Buffer.from([0])]) })],
  ['a label of a kind that does not exist', message({ question: Buffer.from([0x80, 0]) })],
  ['fewer answers than it says', message({ question: 'a.example', answers: [], count: 1 })],
  [
    'an answer without its end',
    message({ question: 'a.example', answers: [address(pointer(12), '10.0.0.1', 1)] }).subarray(0, -1),
  ],
  [
    'an alias longer than its record',
    message({ question: 'a.example', answers: [record(pointer(12), 5, Buffer.from('\x01'), 1)] }),
  ],
  [
    'an alias shorter than its record',
    message({
      question: 'a.example',
      answers: [record(pointer(12), 5, Buffer.concat([name('b'), Buffer.from('x')]), 1)],
    }),
  ],
];

function withQuestions(count: number): Uint8Array {
  const bytes = message({ question: 'a.example' });
  bytes[5] = count;
  return bytes;
}

for (const [what, bytes] of refused) {
  test(`refused: ${what}`, (t) => {
    t.is(parseMessage(bytes), undefined);
  });
}
