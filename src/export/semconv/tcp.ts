/** What TCP measured, and what happened to single segments. */
import type { ConnectionRecord } from '../../model.ts';
import { type Attribute, define, oneOf } from './attribute.ts';
import { isSummary, isTcp } from './event.ts';

const TCP_SUMMARY = 'close and update of TCP';

const TCP_DETAILS = 'TCP, with --tcp-details';

/** What only few ask for, and would make every record a third longer. */
const tcpDetails: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.tcp.congestion.window',
    'int',
    'Congestion window, segments',
    TCP_DETAILS,
    ({ details }) => details?.congestionWindow,
  ),
  define('sockflow.tcp.mss', 'int', 'Maximum segment size, bytes', TCP_DETAILS, ({ details }) => details?.mss),
  define(
    'sockflow.tcp.delivery_rate',
    'int',
    'Bytes a second that reached the peer, as last measured',
    `${TCP_DETAILS}, when measured`,
    ({ details }) => details?.deliveryRate || undefined,
  ),
  define(
    'sockflow.tcp.unsent.bytes',
    'int',
    'Bytes that the process wrote and that are not sent',
    TCP_DETAILS,
    ({ details }) => details?.unsent,
  ),
  define(
    'sockflow.tcp.unacknowledged.bytes',
    'int',
    'Bytes that are sent and not acknowledged',
    TCP_DETAILS,
    ({ details }) => details?.unacknowledged,
  ),
  define(
    'sockflow.tcp.out_of_order',
    'int',
    'Segments received ahead of their turn',
    TCP_DETAILS,
    ({ details }) => details?.outOfOrder,
  ),
  define(
    'sockflow.tcp.zero_window',
    'int',
    "1 when the peer's window is closed at this moment, else 0",
    TCP_DETAILS,
    ({ details }) => details && Number(details.sendWindow === 0),
  ),
];

export const tcp: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.tcp.handshake.duration',
    'double',
    'SYN to SYN-ACK, seconds',
    'client, completed and seen',
    (record) => (isTcp(record) ? record.handshakeDuration : undefined),
  ),
  define('sockflow.tcp.rtt.smoothed', 'double', 'Smoothed round-trip time, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.smoothedRtt : undefined,
  ),
  define('sockflow.tcp.rtt.min', 'double', 'Least round-trip time, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.minRtt : undefined,
  ),
  define('sockflow.tcp.rtt.variation', 'double', 'Variation of it, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.rttVariation : undefined,
  ),
  define('sockflow.tcp.retransmits', 'int', 'Segments sent again', 'TCP', (record) =>
    isTcp(record) ? record.retransmits : undefined,
  ),
  define('sockflow.tcp.lost', 'int', 'Segments thought lost at this moment', 'TCP', (record) =>
    isTcp(record) ? record.lostSegments : undefined,
  ),
  define('sockflow.tcp.reordering', 'int', 'Reordering degree', 'TCP', (record) =>
    isTcp(record) ? record.reordering : undefined,
  ),
  define(
    'sockflow.tcp.retransmit.sequence',
    'int',
    'First byte of the segment that was sent again, counted from the SYN',
    'retransmit, but of what the kernel counted without a word: that is told at the end',
    (record) => record.retransmittedSequence,
  ),
  define(
    'sockflow.tcp.retransmit.segments',
    'int',
    'Segments that were sent again at once',
    'retransmit',
    (record) => record.retransmittedSegments,
  ),
  oneOf(
    'network.io.direction',
    ['transmit', 'receive'],
    'Whether the reset or the dropped segment was sent or received',
    'reset, drop',
    (record) => record.reset?.direction ?? record.drop?.direction,
  ),
  define(
    'sockflow.tcp.reset.reason',
    'string',
    "The kernel's reason for the reset that it sent",
    'reset, sent, Linux 6.10 or later',
    (record) => record.reset?.reason,
  ),
  define(
    'sockflow.tcp.reset.segments',
    'int',
    'Resets that the record is of: several, where they answer segments for no connection that come too fast',
    'reset',
    (record) => record.reset?.segments,
  ),
  define(
    'sockflow.tcp.drop.reason',
    'string',
    "The kernel's reason for dropping it; listen_queue: the listener had no room",
    'drop',
    (record) => record.drop?.reason,
  ),
  define('sockflow.tcp.drop.segments', 'int', 'Segments dropped at once', 'drop', (record) => record.drop?.segments),
  define(
    'sockflow.mptcp.id',
    'string',
    'The Multipath TCP connection that this one is a subflow of; the same on both ends',
    'MPTCP',
    (record) => record.mptcpId,
  ),
  ...tcpDetails,
  define('sockflow.tcp.busy', 'double', 'Seconds with data in flight', TCP_SUMMARY, (record) =>
    isTcp(record) && isSummary(record) ? record.busyTime : undefined,
  ),
  define(
    'sockflow.tcp.limited.receive_window',
    'double',
    "Seconds held up by the peer's window",
    TCP_SUMMARY,
    (record) => (isTcp(record) && isSummary(record) ? record.receiveWindowLimitedTime : undefined),
  ),
  define('sockflow.tcp.limited.send_buffer', 'double', 'Seconds held up by the send buffer', TCP_SUMMARY, (record) =>
    isTcp(record) && isSummary(record) ? record.sendBufferLimitedTime : undefined,
  ),
];
