/** What is taken out of arguments, and what stays: seeded tables, both ways. */
import test from 'ava';
import { redactArguments } from '../../../src/capture/arguments/index.ts';
import { innocentLines } from '../../support/innocent-arguments.ts';
import { secretLines } from '../../support/secret-arguments.ts';

const SEEDS = [1, 20_261_127, 77];
const ROUNDS = 3;

/** Half a secret is one, too. */
function leaks(secret: string, shown: string): boolean {
  const part = Math.max(5, Math.ceil(secret.length / 3));
  return [secret, secret.slice(0, part), secret.slice(-part)].some((piece) => shown.includes(piece));
}

for (const seed of SEEDS)
  test(`of all command lines with a secret none shows it: seed ${seed}`, (t) => {
    const lines = secretLines(seed, ROUNDS);
    t.true(lines.length >= 300);
    for (const { args, secret } of lines) t.true(args.join(' ').includes(secret));
    const leaked = lines
      .map(({ args, secret }) => ({ args, secret, shown: redactArguments(args).join('\n') }))
      .filter(({ secret, shown }) => leaks(secret, shown));
    t.deepEqual(leaked, []);
  });

test('at least 95 % of the arguments of innocent command lines stay as they are', (t) => {
  const all = innocentLines.flatMap((line) => {
    const shown = redactArguments(line);
    return line.map((argument, index) => ({ argument, shown: shown[index] }));
  });
  const lost = all.filter(({ argument, shown }) => argument !== shown);
  t.true(all.length > 500);
  t.true(lost.length <= all.length * 0.05, JSON.stringify(lost));
});

test('what has no secrets any more stays so, and there are as many as there were', (t) => {
  for (const { args } of [...secretLines(5, 1), ...innocentLines.map((line) => ({ args: line }))]) {
    const once = redactArguments(args);
    t.is(once.length, args.length);
    t.deepEqual(redactArguments(once), once);
  }
});

test('what is beside a secret stays', (t) => {
  const shown = (line: string) => redactArguments(line.split('⏎')).join('⏎');
  t.is(shown('mysql⏎-uroot⏎-phunter22⏎-h⏎db'), 'mysql⏎-uroot⏎-p[REDACTED]⏎-h⏎db');
  t.is(shown('curl⏎-u⏎bob:pw⏎http://x/'), 'curl⏎-u⏎bob:[REDACTED]⏎http://x/');
  t.is(shown('curl⏎-H⏎X-Api-Key: abc⏎http://x/'), 'curl⏎-H⏎X-Api-Key: [REDACTED]⏎http://x/');
  t.is(shown('x⏎http://bob:pw@h:1/p?a=1&token=q&b=2'), 'x⏎http://bob:[REDACTED]@h:1/p?a=1&token=[REDACTED]&b=2');
  t.is(shown('sh⏎-c⏎A_SECRET=q; app --token "w x" -v'), 'sh⏎-c⏎A_SECRET=[REDACTED]; app --token "[REDACTED]" -v');
  t.is(shown('x⏎{"user":"bob", "password": "a b"}'), 'x⏎{"user":"bob", "password": "[REDACTED]"}');
});

test('whatever comes takes a bounded time', (t) => {
  const units = [
    'a',
    'a=',
    '"',
    '\\"',
    "'",
    '://a:',
    'a:@',
    'a/',
    '%',
    '-',
    '--a=',
    '{"a":',
    'aA1',
    'a b',
    '=:',
    '${',
    '(',
  ];
  for (const unit of [
    ...units,
    '[REDACTED]',
    'eyJ',
    '-----BEGIN PRIVATE KEY-----',
    '&a',
    'a;',
    'b c=d ',
    '\u0000',
    '\ud800',
  ])
    for (const end of ['', '!', '@x', '"']) {
      const hostile = unit.repeat(1024).slice(0, 1024) + end;
      // A pattern that goes back and forth would take minutes for these.
      const begin = process.cpuUsage();
      redactArguments(['x', hostile, '--token', hostile]);
      const { user } = process.cpuUsage(begin);
      t.true(user < 2_000_000, `${JSON.stringify(unit)}: ${user} µs`);
    }
});
