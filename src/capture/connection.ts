/** Decodes one connection record (struct sf_connection) at the place where it lies in its batch. */
import type { Attribution, ConnectionRecord, Process, Role, TcpDetails } from '../model.ts';
import { ipv4Text, ipv6Text } from './address.ts';
import { sfConnection as at, sfAttribution, sfDetails, sfEvent, sfFlag, sfRole } from './wire.gen.ts';

/** The batch under each width that its fields have; offsets are divided by the width. */
export interface Views {
  readonly bytes: Buffer;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
}

/** The kernel's reasons by number: tcp_abort_on_close …, netfilter_drop … Empty where it gives none. */
export interface Reasons {
  readonly reset: readonly string[];
  readonly drop: readonly string[];
}

/** By their numbers in a record. */
export const roles = byValue<Role>(sfRole);
export const attributions = byValue<Attribution>(sfAttribution);
const events = {
  [sfEvent.open]: 'open',
  [sfEvent.update]: 'update',
  [sfEvent.end]: 'close',
  [sfEvent.found]: 'update',
  [sfEvent.retransmit]: 'retransmit',
  [sfEvent.resetSent]: 'reset',
  [sfEvent.resetReceived]: 'reset',
  [sfEvent.dropSent]: 'drop',
  [sfEvent.dropReceived]: 'drop',
} as const;

const states = [
  'unknown',
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'time_wait',
  'close',
  'close_wait',
  'last_ack',
  'listen',
  'closing',
  'new_syn_recv',
] as const;

/** `o`: where the record begins in the batch, a multiple of 8. */
export function decodeConnection(
  v: Views,
  o: number,
  process: Process | undefined,
  interfaceName: string | undefined,
  reasons: Reasons,
): ConnectionRecord {
  const u8 = (field: number): number => v.u8[o + field] as number;
  const u16 = (field: number): number => v.u16[(o + field) >> 1] as number;
  const u32 = (field: number): number => v.u32[(o + field) >> 2] as number;
  const u64 = (field: number): bigint => v.u64[(o + field) >> 3] as bigint;
  // One flat string: pieces put together would be flattened again by each writer.
  const hex64 = (field: number): string => v.bytes.toString('hex', o + field, o + field + 8);
  const size = (field: number): number => u32(field) + u32(field + 4) * 4_294_967_296;

  const flags = u8(at.flags);
  const event = events[u8(at.event) as keyof typeof events] ?? 'update';
  const ipv4 = u8(at.family) === 4;
  const state = states[u8(at.state)] ?? 'unknown';
  const isOfMany = event === 'reset' && u32(at.segments) > 1;
  return {
    event,
    time: u64(at.timeNs),
    startTime: u64(at.startNs),
    lastTime: undefined,
    id: hex64(at.id),
    cookie: u64(at.cookie),
    transport: 'tcp',
    networkType: ipv4 ? 'ipv4' : 'ipv6',
    role: roles[u8(at.role)] ?? 'unknown',
    localAddress: isOfMany && isUnspecified(v, o + at.localAddress) ? '' : addressAt(v, o + at.localAddress, ipv4),
    localPort: u16(at.localPort),
    peerAddress:
      (state === 'listen' && event === 'drop') || (isOfMany && isUnspecified(v, o + at.peerAddress))
        ? ''
        : addressAt(v, o + at.peerAddress, ipv4),
    peerPort: u16(at.peerPort),
    natOriginal: undefined,
    protocolName: undefined,
    preExisting: (flags & sfFlag.preExisting) !== 0,
    state,
    networkNamespace: u32(at.netns),
    interfaceName,
    attribution: process ? (attributions[u8(at.attribution)] ?? 'none') : 'none',
    process,
    sentBytes: size(at.sentBytes),
    receivedBytes: size(at.receivedBytes),
    sentPackets: u32(at.sentPackets),
    receivedPackets: u32(at.receivedPackets),
    retransmits: u32(at.retransmits),
    lostSegments: u32(at.lost),
    reordering: u32(at.reordering),
    handshakeDuration: seconds(u32(at.handshakeUs)),
    smoothedRtt: seconds(u32(at.rttUs)),
    minRtt: seconds(u32(at.rttMinUs)),
    rttVariation: seconds(u32(at.rttVariationUs)),
    busyTime: u32(at.busyMs) / 1000,
    receiveWindowLimitedTime: u32(at.receiveWindowLimitedMs) / 1000,
    sendBufferLimitedTime: u32(at.sendBufferLimitedMs) / 1000,
    mptcpId: u32(at.mptcpId) || u32(at.mptcpId + 4) ? hex64(at.mptcpId) : undefined,
    details: u16(at.length) > at.size ? decodeDetails(v, o + at.size) : undefined,
    retransmittedSequence: event === 'retransmit' && (flags & sfFlag.late) === 0 ? u32(at.detail) : undefined,
    retransmittedSegments: event === 'retransmit' ? u32(at.segments) : undefined,
    reset: event === 'reset' ? decodeReset(u8(at.event), u32(at.detail), u32(at.segments), reasons.reset) : undefined,
    drop:
      event === 'drop' ? decodeDrop(state, u8(at.event), u32(at.detail), u32(at.segments), reasons.drop) : undefined,
    deltas:
      event === 'close' || event === 'update'
        ? {
            sentBytes: size(at.sentBytes) - size(at.reportedSentBytes),
            receivedBytes: size(at.receivedBytes) - size(at.reportedReceivedBytes),
            sentPackets: (u32(at.sentPackets) - u32(at.reportedSentPackets)) >>> 0,
            receivedPackets: (u32(at.receivedPackets) - u32(at.reportedReceivedPackets)) >>> 0,
          }
        : undefined,
    end:
      event === 'close'
        ? {
            error: u16(at.error),
            established: (flags & sfFlag.established) !== 0,
            dialled: u32(at.sentPackets) > 0 || u8(at.shutdown) !== 0,
            late: (flags & sfFlag.late) !== 0,
            attempt: (flags & sfFlag.attempt) !== 0,
          }
        : undefined,
    closeReason: undefined,
    errorType: undefined,
    peerName: undefined,
    lookup: undefined,
    place: undefined,
    clusterPeer: undefined,
    peerProcess: undefined,
  };
}

/** The address at this place of the batch. */
export function addressAt(v: Views, place: number, ipv4: boolean): string {
  return ipv4 ? ipv4Text(v.u32[place >> 2] as number) : ipv6Text(v.u8.subarray(place, place + 16));
}

function isUnspecified({ u64 }: Views, place: number): boolean {
  return u64[place >> 3] === 0n && u64[(place >> 3) + 1] === 0n;
}

function decodeReset(
  event: number,
  reason: number,
  segments: number,
  reasons: readonly string[],
): ConnectionRecord['reset'] {
  if (event === sfEvent.resetReceived) return { direction: 'receive', reason: undefined, segments };
  return { direction: 'transmit', reason: reason === 0 ? undefined : reasons[reason], segments };
}

/** What a listener dropped has no reason beyond that. */
function decodeDrop(
  state: string,
  event: number,
  reason: number,
  segments: number,
  reasons: readonly string[],
): ConnectionRecord['drop'] {
  const direction = event === sfEvent.dropSent ? 'transmit' : 'receive';
  return { direction, reason: state === 'listen' ? 'listen_queue' : (reasons[reason] ?? `${reason}`), segments };
}

function decodeDetails(v: Views, o: number): TcpDetails {
  const u32 = (field: number): number => v.u32[(o + field) >> 2] as number;
  return {
    congestionWindow: u32(sfDetails.congestionWindow),
    mss: u32(sfDetails.mss),
    unsent: u32(sfDetails.unsentBytes),
    unacknowledged: u32(sfDetails.unackedBytes),
    outOfOrder: u32(sfDetails.outOfOrder),
    sendWindow: u32(sfDetails.sendWindow),
    deliveryRate: u32(sfDetails.deliveryRate) + u32(sfDetails.deliveryRate + 4) * 4_294_967_296,
  };
}

/** Microseconds to seconds; 0 means never measured. */
function seconds(microseconds: number): number | undefined {
  return microseconds === 0 ? undefined : microseconds / 1e6;
}

function byValue<Name extends string>(values: Readonly<Record<Name, number>>): Name[] {
  const names: Name[] = [];
  for (const name of Object.keys(values) as Name[]) names[values[name]] = name;
  return names;
}
