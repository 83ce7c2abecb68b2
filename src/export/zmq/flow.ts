/** What ntopng calls a flow, made of a record: seen from the client, whichever end told of it. */
import type { ConnectionRecord, ErrorType, Process } from '../../model.ts';
import { toHrTime } from '../time.ts';

/** What went from one side to the other since the flow was told last. */
interface Traffic {
  bytes: number;
  packets: number;
  /** Segments that were sent again. */
  retransmits: number;
}

/** One of the two sides. */
export interface Party {
  readonly address: string;
  readonly port: number;
  process: Process | undefined;
  /** What it sent. */
  readonly sent: Traffic;
  /** Since the connection began. */
  total: { readonly bytes: number; readonly packets: number };
  /** All TCP flags that it has sent so far, as far as can be told from how the connection went. */
  flags: number;
  /** Round-trip time between it and where it was measured, which is the other side; seconds. */
  latency: number | undefined;
}

/** What an update of a flow says. Mutable until it is encoded: the other end may have something to add. */
export interface Flow {
  readonly transport: 'tcp' | 'udp';
  readonly ipVersion: 4 | 6;
  readonly client: Party;
  readonly server: Party;
  /** Whose record it was. */
  readonly teller: 'client' | 'server';
  /** UNIX seconds. */
  readonly first: number;
  last: number;
  /** Records that it stands for. */
  records: number;
}

/** What of a record ntopng has no use for: moments of a connection, and ends without an address. */
export function isFlow({ event, localAddress, peerAddress }: ConnectionRecord): boolean {
  const isSummary = event === 'update' || event === 'close' || event === 'failed';
  return isSummary && localAddress !== '' && peerAddress !== '';
}

const FIN = 1;
const SYN = 2;
const RST = 4;
const PSH = 8;
const ACK = 16;

/** `retransmits`: those of this end since it was told last. */
export function toFlow(record: ConnectionRecord, retransmits: number): Flow {
  const { deltas, process, peerProcess, localPort, peerPort } = record;
  const isClient = isClientEnd(record);
  const local: Party = {
    address: plainAddress(record.localAddress),
    port: localPort,
    process,
    sent: { bytes: deltas?.sentBytes ?? 0, packets: deltas?.sentPackets ?? 0, retransmits },
    total: { bytes: record.sentBytes, packets: record.sentPackets },
    flags: flagsOf(record, 'local'),
    latency: undefined,
  };
  const peer: Party = {
    address: plainAddress(record.peerAddress),
    port: peerPort,
    process: peerProcess,
    sent: { bytes: deltas?.receivedBytes ?? 0, packets: deltas?.receivedPackets ?? 0, retransmits: 0 },
    total: { bytes: record.receivedBytes, packets: record.receivedPackets },
    flags: flagsOf(record, 'peer'),
    // The network between here and there.
    latency: (isClient ? record.handshakeDuration : undefined) ?? record.minRtt ?? record.smoothedRtt,
  };
  return {
    transport: record.transport,
    ipVersion: local.address.includes(':') ? 6 : 4,
    client: isClient ? local : peer,
    server: isClient ? peer : local,
    teller: isClient ? 'client' : 'server',
    first: seconds(record.startTime),
    last: seconds(record.lastTime ?? record.time),
    records: 1,
  };
}

/** Where nobody saw who began, the lower port is the server's, as ntopng itself has it. Both ends come to the same answer. */
export function isClientEnd({ role, localPort, peerPort, localAddress, peerAddress }: ConnectionRecord): boolean {
  if (role !== 'unknown') return role === 'client';
  return localPort === peerPort ? localAddress > peerAddress : localPort > peerPort;
}

/** ntopng makes 255.255.255.255 of an IPv4 address in IPv6's clothes. */
function plainAddress(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

function seconds(time: bigint): number {
  return toHrTime(time)[0];
}

/**
 * The kernel does not keep the flags that it has seen. What follows from a connection's way is enough for ntopng to tell
 * what was established, what was refused and what was reset.
 */
function flagsOf(record: ConnectionRecord, side: 'local' | 'peer'): number {
  if (record.transport === 'udp') return 0;
  if (isAttempt(record)) return flagsOfAttempt(record, side);
  const sentBytes = side === 'local' ? record.sentBytes : record.receivedBytes;
  return SYN | ACK | (sentBytes > 0 ? PSH : 0) | flagsOfEnd(record, side);
}

/** No handshake was completed, so far. */
function isAttempt({ event, state, end }: ConnectionRecord): boolean {
  return event === 'failed' || state === 'syn_sent' || end?.established === false;
}

const refusals: ReadonlySet<ErrorType | undefined> = new Set(['connection_refused', 'connection_reset']);

function flagsOfAttempt(record: ConnectionRecord, side: 'local' | 'peer'): number {
  if (isClientEnd(record) === (side === 'local')) return SYN;
  return refusals.has(record.errorType) ? RST | ACK : 0;
}

function flagsOfEnd({ closeReason }: ConnectionRecord, side: 'local' | 'peer'): number {
  if (closeReason === 'fin_local' || closeReason === 'fin_remote') return FIN;
  const isReset = closeReason === (side === 'local' ? 'reset_local' : 'reset_remote');
  return isReset ? RST : 0;
}

/** ntopng keeps the low 32 bits of what a flow adds. */
const MOST_ADDED = 2 ** 32 - 1;

/** A flow in as many parts as it takes to be counted whole; nearly always the flow itself. */
export function* inParts(flow: Flow): Generator<Flow> {
  const { client, server } = flow;
  while (Math.max(client.sent.bytes, server.sent.bytes) > MOST_ADDED)
    yield { ...flow, client: partOf(client), server: partOf(server), records: 0 };
  yield flow;
}

/** As much as can be counted at once, which is taken away from the party. */
function partOf(party: Party): Party {
  const bytes = Math.min(party.sent.bytes, MOST_ADDED);
  party.sent.bytes -= bytes;
  const total = { ...party.total, bytes: party.total.bytes - party.sent.bytes };
  return { ...party, sent: { bytes, packets: 0, retransmits: 0 }, total };
}
