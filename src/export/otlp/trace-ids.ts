/**
 * Trace and span ids of a connection, made of its id alone: agents on both hosts find the same, so that the two ends are
 * one trace without a word between them.
 */
import { hash } from 'node:crypto';

/** Bytes of the ids. */
export interface TraceIds {
  readonly trace: Uint8Array;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

export function traceIds(connectionId: string): TraceIds {
  const bytes = hash('sha256', `sockflow/${connectionId}`, 'buffer');
  return { trace: bytes.subarray(0, 16), client: bytes.subarray(16, 24), server: bytes.subarray(24, 32) };
}

/** Of the look-up that the connection came of. */
export function lookupSpanId(connectionId: string): Uint8Array {
  return hash('sha256', `sockflow/${connectionId}/dns`, 'buffer').subarray(0, 8);
}

/** Of an end whose role nobody knows: the ends of one connection differ by their socket. */
export function lonelySpanId(connectionId: string, cookie: bigint): Uint8Array {
  return hash('sha256', `sockflow/${connectionId}/${cookie}`, 'buffer').subarray(0, 8);
}
