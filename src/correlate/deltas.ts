/**
 * What moved since the last record of a connection. Only connections that had an update are remembered; for the others
 * everything is new at their end.
 */
import type { ConnectionRecord } from '../model.ts';

type Totals = NonNullable<ConnectionRecord['deltas']>;

const nothing: Totals = { sentBytes: 0, receivedBytes: 0, sentPackets: 0, receivedPackets: 0 };

export function createDeltas(): (record: ConnectionRecord) => void {
  const reported = new Map<bigint, Totals>();

  return (record) => {
    if (record.event !== 'update' && !record.end) return;
    // Most hosts have few connections that live through an update: then there is nothing to look up.
    const known = reported.size === 0 ? undefined : reported.get(record.cookie);
    const before = record.baseline ? totals(record) : (known ?? nothing);
    record.deltas = {
      sentBytes: record.sentBytes - before.sentBytes,
      receivedBytes: record.receivedBytes - before.receivedBytes,
      sentPackets: record.sentPackets - before.sentPackets,
      receivedPackets: record.receivedPackets - before.receivedPackets,
    };
    if (record.event === 'update') reported.set(record.cookie, totals(record));
    else if (before !== nothing) reported.delete(record.cookie);
  };
}

function totals({ sentBytes, receivedBytes, sentPackets, receivedPackets }: ConnectionRecord): Totals {
  return { sentBytes, receivedBytes, sentPackets, receivedPackets };
}
