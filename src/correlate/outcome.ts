/**
 * How a connection ended, from what its socket said at CLOSE: the state it came from and its error. docs/outcomes.md has
 * the table with a test for each row.
 */
import { constants } from 'node:os';
import type { CloseReason, ConnectionRecord, ErrorType } from '../model.ts';

interface Outcome {
  readonly reason?: CloseReason;
  readonly error?: ErrorType;
}

const { errno } = constants;

const byErrno: Readonly<Record<number, Outcome>> = {
  [errno.ECONNREFUSED]: { reason: 'refused', error: 'connection_refused' },
  [errno.ETIMEDOUT]: { reason: 'timeout', error: 'timed_out' },
  [errno.EHOSTUNREACH]: { reason: 'unreachable', error: 'host_unreachable' },
  [errno.ENETUNREACH]: { reason: 'unreachable', error: 'network_unreachable' },
  [errno.ECONNRESET]: { reason: 'reset_remote', error: 'connection_reset' },
  [errno.EPIPE]: { reason: 'reset_remote', error: 'connection_reset' }, // a reset after the peer's FIN
  [errno.ECONNABORTED]: { reason: 'reset_local', error: 'connection_aborted' },
  [errno.EACCES]: { reason: 'unreachable', error: 'permission_denied' },
  [errno.EPERM]: { reason: 'unreachable', error: 'permission_denied' },
};

/** The state from which a socket without error went to CLOSE tells who sent the first FIN, or that none was sent. */
const byState: Readonly<Record<string, Outcome>> = {
  fin_wait1: { reason: 'fin_local' },
  fin_wait2: { reason: 'fin_local' },
  closing: { reason: 'fin_local' },
  last_ack: { reason: 'fin_remote' },
  // Dropped after the peer's FIN, with a reset that nobody waits for: the peer had said all it wanted.
  close_wait: { reason: 'reset_local' },
  established: { reason: 'reset_local', error: 'connection_reset' },
  syn_recv: { reason: 'reset_local', error: 'connection_reset' },
};

/** Completes a record of an end; leaves all others alone. */
export function correlateOutcome(record: ConnectionRecord): void {
  if (!record.end) return;
  const outcome = outcomeOf(record);
  if (outcome.reason) record.closeReason = outcome.reason;
  if (outcome.error) record.errorType = outcome.error;
  if (!record.end.established && outcome.error) record.event = 'failed';
}

function outcomeOf({ end, state }: ConnectionRecord): Outcome {
  if (end?.reason) return { reason: end.reason, ...(end.error && { error: byErrno[end.error]?.error ?? '_OTHER' }) };
  if (end?.error) return byErrno[end.error] ?? { reason: 'unreachable', error: '_OTHER' };
  if (end?.late) return {}; // nobody saw from which state it came
  if (end?.attempt) return { reason: 'unreachable', error: '_OTHER' };
  if (state === 'syn_sent')
    return end?.dialled ? { reason: 'cancelled' } : { reason: 'unreachable', error: 'address_not_available' };
  return byState[state] ?? { reason: 'reset_local', error: '_OTHER' };
}
