/** Expressions of `--filter`, asked of records whose names others chose. */
import { FilterError, parseFilter } from '../../../src/filter/parse.ts';
import type { ConnectionRecord } from '../../../src/model.ts';
import { makeProcess, makeRecord, makeVariedRecords } from '../../../test/support/otlp-records.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, refusing, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

const words = [
  ...[
    'proc=',
    'pid=',
    'user=',
    'parent=',
    'container=',
    'pod=',
    'ns=',
    'unit=',
    'peer=',
    'port=',
    'netns=',
    'proto=',
    'role=',
    'state=',
  ],
  ...[
    'event=',
    'rtt',
    'retr',
    'sent',
    'received',
    'failed',
    'tcp',
    'udp',
    '!',
    '>=',
    '<=',
    '>',
    '<',
    '=',
    '"',
    ' ',
    '*',
    'a*',
    '50ms',
    '300us',
  ],
  ...[
    '1MiB',
    '10.0.0.0/8',
    '2001:db8::/32',
    '::',
    '/',
    '0',
    '65536',
    'aaaa',
    'established',
    'client',
    '\u2028',
    'İ',
    'ſ',
  ],
];

const made = [
  'proc=nginx port=443 rtt>50ms !user=root failed',
  'peer=10.0.0.0/8 state=established role=client retr>=3',
  'pod="a b" !container=web* ns=shop sent<1MiB received>0 udp',
  'proc=a*a*a*a*a*a*a*a*b',
];

/** Names as long as they can be: a pattern must not take for ever on them. */
const long = makeProcess(1, {
  executablePath: `/${'a'.repeat(4_095)}`,
  executableName: 'a'.repeat(255),
  userName: 'a'.repeat(255),
});
const subjects: readonly ConnectionRecord[] = [
  ...makeVariedRecords(),
  makeRecord(1, {
    process: long,
    peerAddress: '2001:db8::1',
    networkType: 'ipv6',
    peerName: `${'a'.repeat(63)}.example`,
  }),
  makeRecord(2, { peerAddress: '', localAddress: '' }),
];

export const filter: Target = {
  name: 'filter',
  reads: 'expressions of --filter',
  few: 1_500,
  open() {
    const seeds = seedsOf('filter', ...made);
    return {
      make: (random: Random) => damagedText(seeds, words, random),
      judge(input) {
        const test = refusing(() => parseFilter(input.toString()), FilterError);
        if (!test) return false;
        for (const subject of subjects)
          expect(typeof test(subject) === 'boolean', 'an answer that is neither yes nor no');
        return true;
      },
    };
  },
};
