/**
 * From records to flows. ntopng adds up what it is told, so of a connection whose two ends are both on this host one end
 * speaks; what only the other one knows (its process, its retransmissions, its view of the network) is put into the same
 * flow.
 */
import type { ConnectionRecord } from '../../model.ts';
import { RecentMap } from '../../recent.ts';
import { type Flow, isClientEnd, type Party, toFlow } from './flow.ts';

interface Known {
  /** Cookie of the end that speaks, and which it is. */
  speaker: bigint;
  isClient: boolean;
  hasEnded: boolean;
  /** What was told, by end. */
  readonly retransmits: { client?: number; server?: number };
}

export interface Flows {
  /** Takes a record for which `isFlow` holds. */
  add(record: ConnectionRecord): void;
  /** Updates that wait. */
  readonly size: number;
  /** Those updates; they wait no more. */
  take(): Flow[];
}

export interface FlowsOptions {
  /** Connections that are remembered. Of those that are forgotten retransmissions may be told twice. */
  readonly most: number;
  /** Both ends speak, each for itself: for who counts totals and has room for one process. */
  readonly bothEnds: boolean;
}

export function createFlows({ most, bothEnds }: FlowsOptions): Flows {
  const keyOf = ({ id, cookie }: ConnectionRecord) => (bothEnds ? `${id} ${cookie}` : id);
  const known = new RecentMap<string, Known>(most);
  const pending = new Map<string, Flow>();

  /** What is known of this connection; anew when its ports came again, as those of UDP do. */
  const find = (key: string, record: ConnectionRecord, isClient: boolean): Known => {
    const before = known.get(key);
    const isOther = before?.hasEnded && before.speaker !== record.cookie && before.isClient === isClient;
    if (before && !isOther) return before;
    const fresh = { speaker: record.cookie, isClient, hasEnded: false, retransmits: {} };
    known.set(key, fresh);
    return fresh;
  };

  /** Those since this end was told last. What was before the agent is not its to tell. */
  const takeRetransmits = (
    { retransmits, preExisting }: ConnectionRecord,
    told: Known['retransmits'],
    isClient: boolean,
  ) => {
    const side = isClient ? 'client' : 'server';
    const before = told[side] ?? (preExisting ? retransmits : 0);
    told[side] = retransmits;
    return Math.max(0, retransmits - before);
  };

  return {
    add(record) {
      const isClient = isClientEnd(record);
      const key = keyOf(record);
      const entry = find(key, record, isClient);
      const flow = toFlow(record, takeRetransmits(record, entry.retransmits, isClient));
      const speaks = entry.speaker === record.cookie;
      if (record.end !== undefined) {
        if (speaks) entry.hasEnded = true;
        else if (entry.hasEnded) known.delete(key);
      }
      if (!speaks) silence(flow);
      const before = pending.get(key);
      if (before) merge(before, flow);
      // One that was late adds nothing to any sum; it is told all the same, so that each record is sent or lost.
      else pending.set(key, flow);
    },
    get size() {
      return pending.size;
    },
    take() {
      const flows = [...pending.values()];
      pending.clear();
      return flows;
    },
  };
}

/** The other end counts the same bytes. */
function silence({ client, server }: Flow): void {
  for (const { sent } of [client, server]) {
    sent.bytes = 0;
    sent.packets = 0;
  }
}

function merge(into: Flow, more: Flow): void {
  into.records += more.records;
  into.last = Math.max(into.last, more.last);
  mergeParty(into.client, more.client);
  mergeParty(into.server, more.server);
}

function mergeParty(into: Party, more: Party): void {
  into.process ??= more.process;
  into.flags |= more.flags;
  into.latency = more.latency ?? into.latency;
  if (more.total.bytes >= into.total.bytes) into.total = more.total;
  into.sent.bytes += more.sent.bytes;
  into.sent.packets += more.sent.packets;
  into.sent.retransmits += more.sent.retransmits;
}
