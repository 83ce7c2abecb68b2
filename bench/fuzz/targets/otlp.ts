/** What servers of OTLP answer: partial success, how long to wait, words for a failure; and whatever stands in between. */
import { classify } from '../../../src/export/otlp/grpc-status.ts';
import { classifyError, classifyStatus } from '../../../src/export/otlp/http-status.ts';
import { readPartialSuccess, readPartialSuccessJson } from '../../../src/export/otlp/partial-success.ts';
import { readRetryDelay } from '../../../src/export/otlp/retry-info.ts';
import { damagedBytes } from '../lib/bytes.ts';
import { seedsOf } from '../lib/corpus.ts';
import { field, text } from '../lib/protobuf.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { changeText } from '../lib/text.ts';

const retryInfo = field(1, ...field(1, 0x08, 5, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01));
const made: readonly Buffer[] = [
  field(1, ...[0x08, 3], ...text(2, 'three are too old\nreally')),
  field(1, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
  Buffer.from([
    0x08,
    8,
    ...text(2, 'busy'),
    ...field(3, ...text(1, 'type.googleapis.com/google.rpc.RetryInfo'), ...field(2, ...retryInfo)),
  ]),
  Buffer.from([
    0x08,
    8,
    ...field(
      3,
      ...text(1, 'x/google.rpc.RetryInfo'),
      ...field(2, ...field(1, 0x08, 5, 0x10, 0x80, 0xca, 0xb5, 0xee, 1)),
    ),
  ]),
  Buffer.from('{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"three are too old"}}'),
  Buffer.from('{"partialSuccess":{"rejectedSpans":2}}'),
  Buffer.from('{"code":8,"message":"busy"}'),
  Buffer.from('<html>502</html>'),
  Buffer.from('120'),
  Buffer.from('Wed, 21 Oct 2099 07:28:00 GMT'),
];
const words = [
  '"rejectedLogRecords":',
  '"partialSuccess":',
  'null',
  '{}',
  '0.5',
  '"-1"',
  '1e400',
  '[',
  'google.rpc.RetryInfo',
  '9999999999',
  '\n',
];
const types = ['application/x-protobuf', 'application/json', 'text/html', 'text/plain', ''];
const parties = ['server', 'stranger', 'nobody', 'refused'] as const;
const YEAR = 366 * 86_400_000;
/** A hundred years: more is a mistake, and no timer takes it. */
const LONGEST_WAIT = 100 * YEAR;

export const otlp: Target = {
  name: 'otlp',
  reads: 'answers of OTLP servers',
  few: 2_000,
  open() {
    const seeds = seedsOf('otlp', ...made);
    return {
      make(random: Random) {
        const seed = random.pick(seeds);
        return random.oneIn(3)
          ? Buffer.from(changeText(seed.toString('latin1'), words, random), 'latin1')
          : damagedBytes(seeds, random);
      },
      judge(input) {
        const said = [readPartialSuccess(input), readPartialSuccessJson(input.toString())];
        for (const { rejected, message } of said) {
          expect(Number.isInteger(rejected) && rejected >= 0, `${rejected} rejected`);
          expect(!message.includes('\n'), 'words of several lines');
        }
        return said.some(({ rejected }) => rejected > 0) || judgeFailures(input);
      },
    };
  },
};

function judgeFailures(input: Buffer): boolean {
  const [first = 0, second = 0] = input;
  const line = input.toString('latin1');
  const code = 100 + ((first * 256 + second) % 500);
  const delay = readRetryDelay(input);
  const by = parties[first % parties.length] ?? 'server';
  const failures = [
    ...types.map((type) => classifyStatus(code, line, type, input)),
    classify({ code: second % 20, words: line, by, httpStatus: code, details: input }),
    classifyError(Object.assign(new Error(line), { code: line.slice(0, 8) })),
  ];
  for (const { reason, message, retryAfterMs } of [...failures, { reason: 'x', message: '', retryAfterMs: delay }]) {
    expect(/^[a-z0-9_]+$/.test(reason), `reason ${reason}`);
    expect(typeof message === 'string', 'no words');
    expect(
      retryAfterMs === undefined || (retryAfterMs >= 0 && retryAfterMs <= LONGEST_WAIT),
      `wait ${retryAfterMs} ms`,
    );
  }
  return delay !== undefined;
}
