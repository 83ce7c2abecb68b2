import test from 'ava';
import { createFailures } from '../../../src/top/failures.ts';
import { makeProcess, makeRecord } from '../../support/otlp-records.ts';

const failed = (name: string, peerAddress: string, errorType?: 'timed_out' | 'connection_refused') =>
  makeRecord(0, {
    event: 'failed',
    process: makeProcess(1, { executableName: name }),
    peerAddress,
    closeReason: 'cancelled',
    ...(errorType && { errorType }),
  });

test('counted for a minute by who, where and why; the most frequent first', (t) => {
  const failures = createFailures();
  const shown = (now: number) =>
    failures
      .list(now)
      .map(({ record, why, count }) => `${record.process?.executableName} ${record.peerAddress} ${why} ${count}`);
  failures.add(failed('a', '10.0.0.1', 'timed_out'), 0);
  for (let second = 0; second < 3; second++) failures.add(failed('b', '10.0.0.1', 'timed_out'), 30_000 + second * 1000);
  failures.add(failed('b', '10.0.0.1', 'connection_refused'), 31_000);
  failures.add(failed('b', '10.0.0.2'), 31_000);
  t.deepEqual(shown(32_000), [
    'b 10.0.0.1 timed_out 3',
    'a 10.0.0.1 timed_out 1',
    'b 10.0.0.1 connection_refused 1',
    'b 10.0.0.2 cancelled 1',
  ]);
  t.deepEqual(shown(90_500), ['b 10.0.0.1 timed_out 2', 'b 10.0.0.1 connection_refused 1', 'b 10.0.0.2 cancelled 1']);
  t.deepEqual(shown(92_000), []);
});

test('of more than a thousand kinds the oldest go', (t) => {
  const failures = createFailures();
  for (let number = 0; number < 1_500; number++) failures.add(failed('a', `10.0.${number >> 8}.${number & 255}`), 0);
  t.is(failures.list(0).length, 1_000);
  t.false(failures.list(0).some(({ record }) => record.peerAddress === '10.0.0.0'));
});
