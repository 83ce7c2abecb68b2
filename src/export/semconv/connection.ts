/** The connection itself: its identity, its life, what it moved. */
import type { Attribution, CloseReason, ConnectionRecord, ErrorType, Role } from '../../model.ts';
import { TIME_LENGTH, writeHex16, writeHexTime, writeTime } from '../time.ts';
import { type AsciiText, type Attribute, define, oneOf, written } from './attribute.ts';
import { durationOf, isSummary, isTcp } from './event.ts';

/** TCP states whose conventional name isn't the kernel's in lower case. */
const conventionalStates: Readonly<Record<string, string>> = {
  estab: 'established',
  syn_recv: 'syn_received',
  new_syn_recv: 'syn_received',
  fin_wait1: 'fin_wait_1',
  fin_wait2: 'fin_wait_2',
  close: 'closed',
};

const ID_LENGTH = 16;
const roleLetter = { client: 0x63, server: 0x73, unknown: 0x75 } as const;
const eventLetter = {
  open: 0x6f,
  update: 0x75,
  close: 0x63,
  failed: 0x66,
  retransmit: 0x74,
  reset: 0x72,
  drop: 0x64,
} as const;

/**
 * The same record has the same uid, however often it is sent: connection id, role, event, time and local port. The port
 * tells the two ends of a connection apart when both are on this host, are older than the agent (role unknown) and were
 * read in the same snapshot.
 */
const recordUid: AsciiText<ConnectionRecord> = {
  length: ID_LENGTH + 22,
  write(record, target, at) {
    for (let index = 0; index < ID_LENGTH; index++) target[at + index] = record.id.charCodeAt(index) & 127;
    target[at + 16] = roleLetter[record.role];
    target[at + 17] = eventLetter[record.event];
    writeHexTime(record.time, target, at + 18);
    writeHex16(record.localPort, target, at + 34);
  },
};

const roles = ['client', 'server', 'unknown'] as const satisfies readonly Role[];
const attributions = [
  'open',
  'listener',
  'use',
  'release',
  'snapshot',
  'none',
] as const satisfies readonly Attribution[];
const closeReasons = [
  'fin_local',
  'fin_remote',
  'reset_local',
  'reset_remote',
  'timeout',
  'refused',
  'unreachable',
  'cancelled',
  'closed',
  'idle',
  'agent_stop',
] as const satisfies readonly CloseReason[];
const errorTypes = [
  'connection_refused',
  'timed_out',
  'host_unreachable',
  'network_unreachable',
  'address_not_available',
  'address_in_use',
  'permission_denied',
  'connection_reset',
  'connection_aborted',
  '_OTHER',
] as const satisfies readonly ErrorType[];

export const connection: readonly Attribute<ConnectionRecord>[] = [
  define('network.connection.state', 'string', 'TCP state', 'update of TCP', (record) =>
    record.event === 'update' && isTcp(record) ? (conventionalStates[record.state] ?? record.state) : undefined,
  ),
  oneOf(
    'error.type',
    errorTypes,
    'How it failed; the same on both ends',
    'failed or reset',
    (record) => record.errorType,
  ),
  define('sockflow.connection.id', 'string', 'The same on both ends of a connection', 'always', (record) => record.id),
  oneOf('sockflow.connection.role', roles, 'Which end of it the record is of', 'always', (record) => record.role),
  define(
    'sockflow.connection.pre_existing',
    'boolean',
    'Older than the agent, or begun when its table of connections was full',
    'true only',
    (record) => (record.preExisting ? true : undefined),
  ),
  written('sockflow.connection.start_time', 'When the connection began', 'always', {
    length: TIME_LENGTH,
    write: (record, target, at) => writeTime(record.startTime, target, at),
  }),
  define(
    'sockflow.connection.duration',
    'double',
    'Seconds since it began; of UDP, from the first datagram to the last',
    'not when older than the agent',
    durationOf,
  ),
  oneOf(
    'sockflow.connection.close.reason',
    closeReasons,
    'Who or what ended it',
    'close and failed, but late ones without an error',
    (record) => record.closeReason,
  ),
  define(
    'sockflow.connection.close.late',
    'boolean',
    'The kernel hid its end: found later, so its time and duration are those of the finding',
    'true only',
    (record) => (record.end?.late ? true : undefined),
  ),
  oneOf(
    'sockflow.process.attribution',
    attributions,
    'Where its owner was learnt',
    'always',
    (record) => record.attribution,
  ),
];

export function namespaceAttribute(own: number): Attribute<ConnectionRecord> {
  const description = 'Inode number of the network namespace';
  return define('sockflow.network.namespace', 'int', description, "not the agent's own", (record: ConnectionRecord) =>
    record.networkNamespace === own ? undefined : record.networkNamespace,
  );
}

const DELTA = 'close and update, from the second record of a connection on';

export const counters: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.connection.sent.bytes',
    'int',
    'Payload sent, without retransmissions',
    'always',
    (record) => record.sentBytes,
  ),
  define('sockflow.connection.received.bytes', 'int', 'Payload received', 'always', (record) => record.receivedBytes),
  define(
    'sockflow.connection.sent.packets',
    'int',
    'Segments or datagrams sent',
    'always',
    (record) => record.sentPackets,
  ),
  define(
    'sockflow.connection.received.packets',
    'int',
    'Segments or datagrams received',
    'always',
    (record) => record.receivedPackets,
  ),
  define('sockflow.connection.sent.bytes.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.sentBytes : undefined,
  ),
  define('sockflow.connection.received.bytes.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.receivedBytes : undefined,
  ),
  define('sockflow.connection.sent.packets.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.sentPackets : undefined,
  ),
  define('sockflow.connection.received.packets.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.receivedPackets : undefined,
  ),
];

export const uid = written('log.record.uid', 'The same whenever this record is sent', 'always', recordUid);
