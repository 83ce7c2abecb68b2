import { constants } from 'node:os';
import test from 'ava';
import { correlateOutcome } from '../../../src/correlate/outcome.ts';
import type { ConnectionRecord, End } from '../../../src/model.ts';

function outcome(state: string, end: Partial<End>) {
  const record = {
    event: 'close',
    state,
    end: { error: 0, established: true, dialled: true, late: false, attempt: false, ...end },
  } as ConnectionRecord;
  correlateOutcome(record);
  return [record.event, record.closeReason, record.errorType];
}

const { errno } = constants;
const attempt = { established: false };

const rows: [string, string, Partial<End>, ReturnType<typeof outcome>][] = [
  ['we closed first', 'fin_wait2', {}, ['close', 'fin_local', undefined]],
  ['both closed at once', 'closing', {}, ['close', 'fin_local', undefined]],
  ['the peer closed first', 'last_ack', {}, ['close', 'fin_remote', undefined]],
  ['reset by the peer', 'established', { error: errno.ECONNRESET }, ['close', 'reset_remote', 'connection_reset']],
  [
    'reset by the peer after its FIN',
    'close_wait',
    { error: errno.EPIPE },
    ['close', 'reset_remote', 'connection_reset'],
  ],
  ['aborted here', 'established', {}, ['close', 'reset_local', 'connection_reset']],
  ['dropped after the peer had finished', 'close_wait', {}, ['close', 'reset_local', undefined]],
  ['no answer any more', 'established', { error: errno.ETIMEDOUT }, ['close', 'timeout', 'timed_out']],
  ['refused', 'syn_sent', { ...attempt, error: errno.ECONNREFUSED }, ['failed', 'refused', 'connection_refused']],
  ['no answer to the SYN', 'syn_sent', { ...attempt, error: errno.ETIMEDOUT }, ['failed', 'timeout', 'timed_out']],
  [
    'host unreachable',
    'syn_sent',
    { ...attempt, error: errno.EHOSTUNREACH },
    ['failed', 'unreachable', 'host_unreachable'],
  ],
  [
    'network unreachable',
    'syn_sent',
    { ...attempt, error: errno.ENETUNREACH },
    ['failed', 'unreachable', 'network_unreachable'],
  ],
  ['given up by its own process', 'syn_sent', attempt, ['close', 'cancelled', undefined]],
  ['no port left', 'syn_sent', { ...attempt, dialled: false }, ['failed', 'unreachable', 'address_not_available']],
  [
    'no route: no SYN was sent',
    'close',
    { ...attempt, attempt: true, error: errno.ENETUNREACH },
    ['failed', 'unreachable', 'network_unreachable'],
  ],
  ['forbidden before a SYN was sent', 'close', { ...attempt, attempt: true }, ['failed', 'unreachable', '_OTHER']],
  ['found late: nobody knows how', 'unknown', { late: true }, ['close', undefined, undefined]],
  [
    'found late, with its error',
    'unknown',
    { late: true, error: errno.ECONNRESET },
    ['close', 'reset_remote', 'connection_reset'],
  ],
  ['an error without a name of ours', 'syn_sent', { ...attempt, error: 95 }, ['failed', 'unreachable', '_OTHER']],
];

for (const [title, state, end, expected] of rows) test(title, (t) => t.deepEqual(outcome(state, end), expected));

test('a record that is no end is left alone', (t) => {
  const record = { event: 'update', state: 'established', end: undefined } as ConnectionRecord;
  correlateOutcome(record);
  t.deepEqual(record, { event: 'update', state: 'established', end: undefined } as ConnectionRecord);
});
