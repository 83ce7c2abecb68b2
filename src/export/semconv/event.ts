/** How events are called, how grave they are, and what more than one output works out of a record. */
import type { ConnectionRecord, EventName, LookupRecord, Transport } from '../../model.ts';
import { secondsBetween } from '../time.ts';

/** Names of the events. */
export const eventNames: Readonly<Record<EventName, string>> = {
  open: 'sockflow.connection.open',
  update: 'sockflow.connection.update',
  close: 'sockflow.connection.close',
  failed: 'sockflow.connection.failed',
  retransmit: 'sockflow.connection.retransmit',
  reset: 'sockflow.connection.reset',
  drop: 'sockflow.connection.drop',
  dns: 'sockflow.dns.lookup',
};

/** Names of the events of a UDP conversation. */
export const flowEventNames = {
  update: 'sockflow.flow.update',
  close: 'sockflow.flow.close',
} as const satisfies Partial<Record<EventName, string>>;

export function eventName({ event, transport }: { event: EventName; transport: Transport }): string {
  if (transport === 'udp' && (event === 'update' || event === 'close')) return flowEventNames[event];
  return eventNames[event];
}

/** How long it lasted, in seconds; of UDP from the first datagram to the last. Undefined when older than the agent. */
export function durationOf({ preExisting, startTime, lastTime, time }: ConnectionRecord): number | undefined {
  return preExisting ? undefined : Math.max(0, secondsBetween(startTime, lastTime ?? time));
}

/** What the client dialled, which is its peer unless the address is translated. */
export function dialled({ natOriginal, peerAddress, peerPort }: ConnectionRecord): { address: string; port: number } {
  return natOriginal ?? { address: peerAddress, port: peerPort };
}

/** Port of the server; 0 when the role isn't known: then neither port is more than a number. */
export function serverPort(record: ConnectionRecord): number {
  if (record.role === 'unknown') return 0;
  return record.role === 'client' ? dialled(record).port : record.localPort;
}

/** 9 (INFO), or 13 (WARN) for what failed or was reset. */
export function severityNumber(record: ConnectionRecord | LookupRecord): 9 | 13 {
  const isTrouble = record.event === 'failed' || record.event === 'reset' || record.event === 'drop';
  return record.errorType !== undefined || isTrouble ? 13 : 9;
}

/** The conventional short name of a severity number. */
export const severityText = { 9: 'INFO', 13: 'WARN' } as const;

export const isTcp = (record: ConnectionRecord) => record.transport === 'tcp';
export const isSummary = (record: ConnectionRecord) => record.event === 'close' || record.event === 'update';
