/** The end of a line: durations, bytes, round-trip time, retransmissions, and how it ended. */
import type { CloseReason, ConnectionRecord, ErrorType } from '../../model.ts';
import type { Colors, Layout, Symbols } from './layout.ts';
import { sanitise } from './sanitise.ts';
import { formatCount, formatDuration, formatFine } from './units.ts';

/** Who ended it: `fin>` we, `<fin` the peer. */
export const endings: Readonly<Record<CloseReason, string>> = {
  fin_local: 'fin>',
  fin_remote: '<fin',
  reset_local: 'rst>',
  reset_remote: '<rst',
  timeout: 'timeout',
  refused: 'refused',
  unreachable: 'unreach',
  cancelled: 'gave up',
  closed: 'closed',
  idle: 'idle',
  agent_stop: 'stop',
};

/** What fits beside a duration in 17 columns. */
export const shortErrors: Readonly<Record<ErrorType, string>> = {
  connection_refused: 'refused',
  timed_out: 'timed_out',
  host_unreachable: 'no_host',
  network_unreachable: 'no_network',
  address_not_available: 'no_address',
  address_in_use: 'in_use',
  permission_denied: 'denied',
  connection_reset: 'reset',
  connection_aborted: 'aborted',
  _OTHER: 'other',
};

type Part = readonly [text: string, isSignal?: boolean];

/** `seconds`: how long it lasted; undefined when nobody knows. */
export function formatTail(
  record: ConnectionRecord,
  seconds: number | undefined,
  layout: Layout,
  colors: Colors,
): string {
  const parts = partsOf(record, seconds, layout);
  const shown = layout.cut ? fitting(parts, layout.tail) : parts;
  return shown.map(([text, isSignal]) => (isSignal ? colors.yellow(text) : text)).join(' ');
}

/** The parts that fit, in order; the first is always there. */
function fitting(parts: readonly Part[], width: number): Part[] {
  let used = -1;
  return parts.filter(([text]) => {
    if (used >= 0 && used + 1 + text.length > width) return false;
    used += 1 + text.length;
    return true;
  });
}

function partsOf(record: ConnectionRecord, seconds: number | undefined, layout: Layout): Part[] {
  const parts = layout.isWide
    ? wideParts(record, seconds, layout.symbols)
    : narrowParts(record, seconds, layout.symbols);
  return parts.filter(([text]) => text !== '');
}

function narrowParts(record: ConnectionRecord, seconds: number | undefined, symbols: Symbols): Part[] {
  const lasted = seconds === undefined ? '' : formatDuration(seconds, symbols.microseconds);
  if (record.event === 'open') return [[handshakeOf(record, symbols)]];
  if (record.event === 'failed') return [[errorOf(record, true)], [lasted], retransmitsOf(record, false)];
  if (record.reset) return [[resetsOf(record.reset)]];
  if (record.drop) return dropOf(record.drop, symbols);
  if (isReset(record)) return [[lasted], [resetBy(record)], retransmitsOf(record, false)];
  if (record.event === 'retransmit') return [[lasted], retransmitsOf(record, true)];
  // Trouble first: what doesn't fit is left out.
  return [[errorOf(record, true)], [lasted], ...bytesOf(record, symbols)];
}

function wideParts(record: ConnectionRecord, seconds: number | undefined, symbols: Symbols): Part[] {
  const lasted = seconds === undefined ? '' : formatDuration(seconds, symbols.microseconds);
  if (record.event === 'open') return [[handshakeOf(record, symbols)]];
  if (record.event === 'failed') return [[failureOf(record, lasted)]];
  if (record.reset) return [[resetEventOf(record.reset, symbols)]];
  if (record.drop) return dropOf(record.drop, symbols);
  return [
    [lasted],
    ...bytesOf(record, symbols),
    rttOf(record, symbols),
    retransmitsOf(record, true),
    [endingOf(record)],
  ];
}

/** A UDP conversation ends with its socket: that an error came says more. */
function endingOf(record: ConnectionRecord): string {
  if (record.transport === 'udp' && record.errorType) return errorOf(record, false);
  return record.closeReason ? endings[record.closeReason] : '';
}

function handshakeOf({ handshakeDuration }: ConnectionRecord, { microseconds }: Symbols): string {
  return handshakeDuration === undefined ? '' : formatFine(handshakeDuration, microseconds);
}

/** What was cancelled has no error: then the reason is what there is to say. */
function errorOf({ errorType, closeReason, event }: ConnectionRecord, isShort: boolean): string {
  if (errorType) return isShort ? shortErrors[errorType] : errorType;
  return event === 'failed' && closeReason ? endings[closeReason] : '';
}

function failureOf(record: ConnectionRecord, lasted: string): string {
  const after = lasted && ` after ${lasted}`;
  // The first SYN isn't a retransmission.
  const syns = record.retransmits > 0 ? `, ${formatCount(record.retransmits + 1)} SYN` : '';
  return `${errorOf(record, false)}${after}${syns}`;
}

type Reset = NonNullable<ConnectionRecord['reset']>;

function resetsOf({ direction, segments }: Reset): string {
  return `${direction === 'receive' ? 'received' : 'sent'}${segments > 1 ? ` ${formatCount(segments)}` : ''}`;
}

/** The kernel's reasons are its own words, but of a recording anybody's. */
function resetEventOf(reset: Reset, { ascii }: Symbols): string {
  const { reason } = reset;
  return `${resetsOf(reset)}${reason ? `: ${sanitise(reason, ascii)}` : ''}`;
}

function dropOf({ direction, reason, segments }: NonNullable<ConnectionRecord['drop']>, { ascii }: Symbols): Part[] {
  return [[`${direction === 'receive' ? 'in' : 'out'} ${formatCount(segments)}`], [sanitise(reason, ascii)]];
}

function isReset({ closeReason }: ConnectionRecord): boolean {
  return closeReason === 'reset_local' || closeReason === 'reset_remote';
}

function resetBy({ closeReason }: ConnectionRecord): string {
  if (closeReason === 'reset_local') return 'by us';
  return closeReason === 'reset_remote' ? 'by peer' : '';
}

function bytesOf({ sentBytes, receivedBytes }: ConnectionRecord, { sent, received }: Symbols): Part[] {
  return [[sent + formatCount(sentBytes)], [received + formatCount(receivedBytes)]];
}

/** A signal when it is five times what the path can do. */
function rttOf({ smoothedRtt, minRtt }: ConnectionRecord, { microseconds }: Symbols): Part {
  if (smoothedRtt === undefined) return [''];
  return [`rtt ${formatDuration(smoothedRtt, microseconds)}`, minRtt !== undefined && smoothedRtt > 5 * minRtt];
}

/** A signal above one percent of what was sent. */
function retransmitsOf({ retransmits, sentPackets, transport }: ConnectionRecord, evenNone: boolean): Part {
  if (transport !== 'tcp' || (retransmits === 0 && !evenNone)) return [''];
  return [`r${formatCount(retransmits)}`, retransmits > 0 && retransmits * 100 > sentPackets];
}
