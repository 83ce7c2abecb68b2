/** Decodes one record of a UDP conversation (struct sf_flow) at the place where it lies in its batch. */
import type { ConnectionRecord, Process } from '../model.ts';
import { addressAt, attributions, roles, type Views } from './connection.ts';
import { sfFlow as at, sfEvent, sfFlowFlag, sfReason } from './wire.gen.ts';

const reasons = {
  [sfReason.closed]: 'closed',
  [sfReason.idle]: 'idle',
  [sfReason.stop]: 'agent_stop',
} as const;

/** `o`: where the record begins in the batch, a multiple of 8. */
export function decodeFlow(
  v: Views,
  o: number,
  process: Process | undefined,
  interfaceName: string | undefined,
): ConnectionRecord {
  const u8 = (field: number): number => v.u8[o + field] as number;
  const u16 = (field: number): number => v.u16[(o + field) >> 1] as number;
  const u32 = (field: number): number => v.u32[(o + field) >> 2] as number;
  const u64 = (field: number): bigint => v.u64[(o + field) >> 3] as bigint;
  const size = (field: number): number => u32(field) + u32(field + 4) * 4_294_967_296;
  const isV6 = u8(at.family) === 6;
  const address = (field: number): string => addressAt(v, o + field, !isV6);

  const flags = u8(at.flags);
  const isOthers = (flags & sfFlowFlag.others) !== 0;
  const hasEnded = u8(at.event) === sfEvent.end;
  return {
    event: hasEnded ? 'close' : 'update',
    time: u64(at.timeNs),
    startTime: u64(at.startNs),
    lastTime: u64(at.lastNs),
    id: v.bytes.toString('hex', o + at.id, o + at.id + 8),
    cookie: u64(at.number),
    transport: 'udp',
    networkType: isV6 ? 'ipv6' : 'ipv4',
    role: roles[u8(at.role)] ?? 'unknown',
    localAddress: isOthers ? '' : address(at.localAddress),
    localPort: u16(at.localPort),
    peerAddress: isOthers ? '' : address(at.peerAddress),
    peerPort: u16(at.peerPort),
    natOriginal:
      flags & sfFlowFlag.translated ? { address: address(at.originalAddress), port: u16(at.originalPort) } : undefined,
    protocolName: flags & sfFlowFlag.quic ? 'quic' : undefined,
    preExisting: (flags & sfFlowFlag.preExisting) !== 0,
    state: '',
    networkNamespace: u32(at.netns),
    interfaceName,
    attribution: process ? (attributions[u8(at.attribution)] ?? 'none') : 'none',
    process,
    sentBytes: size(at.sentBytes),
    receivedBytes: size(at.receivedBytes),
    sentPackets: size(at.sentPackets),
    receivedPackets: size(at.receivedPackets),
    // What only TCP has:
    retransmits: 0,
    lostSegments: 0,
    reordering: 0,
    handshakeDuration: undefined,
    smoothedRtt: undefined,
    minRtt: undefined,
    rttVariation: undefined,
    busyTime: 0,
    receiveWindowLimitedTime: 0,
    sendBufferLimitedTime: 0,
    mptcpId: undefined,
    details: undefined,
    retransmittedSequence: undefined,
    retransmittedSegments: undefined,
    reset: undefined,
    drop: undefined,
    deltas: {
      sentBytes: size(at.sentBytes) - size(at.reportedSentBytes),
      receivedBytes: size(at.receivedBytes) - size(at.reportedReceivedBytes),
      sentPackets: size(at.sentPackets) - size(at.reportedSentPackets),
      receivedPackets: size(at.receivedPackets) - size(at.reportedReceivedPackets),
    },
    end: hasEnded
      ? {
          error: u16(at.error),
          established: true,
          dialled: true,
          attempt: false,
          late: false,
          reason: reasons[u8(at.reason) as keyof typeof reasons] ?? 'closed',
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
