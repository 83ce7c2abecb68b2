/** Names instead of addresses: from what was looked up, never by a look-up of our own. docs/names.md */
import type { DnsPacket } from '../capture/dns.ts';
import type { ProcessFiles } from '../capture/process-files.ts';
import type { Ledger } from '../ledger.ts';
import type { ConnectionRecord, LookupRecord, Process } from '../model.ts';
import { RecentMap } from '../recent.ts';
import { createNameCache, type Named } from './cache.ts';
import { createHosts } from './hosts.ts';
import { createLookups } from './lookups.ts';
import { type Message, parseMessage } from './message.ts';
import { createStreams } from './streams.ts';

/** Live connections whose name is remembered, so that it stays the same however often their address is looked up. */
const LIVE = 65_536;

export interface NamesOptions {
  readonly ledger: Ledger;
  /** Of the host's processes; undefined: they cannot be looked at. */
  readonly files: ProcessFiles | undefined;
  readonly findProcess: (pid: number, serial: number) => Process | undefined;
  /** Connections are told of the look-up that they came of. */
  readonly withLookups?: boolean;
}

export interface Names {
  learn(packet: DnsPacket): void;
  /** Sets the name of the peer that was dialled, if one is known. */
  name(record: ConnectionRecord): void;
  /** Look-ups that ended since the last call. `now`: UNIX nanoseconds. */
  takeLookups(now: bigint): LookupRecord[];
}

export function createNames({ ledger, files, findProcess, withLookups = false }: NamesOptions): Names {
  const cache = createNameCache();
  const named = new RecentMap<bigint, Named>(LIVE);
  const onUnused = (reason: string) => ledger.fault('correlate', reason);
  const hosts = files === undefined ? () => undefined : createHosts({ files, onUnused });
  const streams = createStreams(() => ledger.fault('correlate', 'dns_stream_hole'));
  let ended: LookupRecord[] = [];
  const lookups = createLookups({
    findProcess,
    onEnd: (lookup) => ended.push(lookup),
    onStray: () => ledger.fault('correlate', 'dns_stray_answer'),
    onForgotten: () => ledger.fault('correlate', 'dns_pending_full'),
  });

  const answered = (packet: DnsPacket, message: Message): void => {
    const lookup = lookups.answer(packet, message);
    if (!lookup || message.question.name === '') return;
    const { networkNamespace, process, time, questionName } = lookup;
    const whole = withLookups ? lookup : undefined;
    const asked = { networkNamespace, serial: process?.serial ?? 0, name: questionName, time, whole };
    for (const { address, ttl } of message.addresses) cache.add(asked, address, ttl);
  };

  const read = (packet: DnsPacket): void => {
    const message = packet.isCut ? undefined : parseMessage(packet.bytes);
    if (!message || message.isAnswer !== packet.isAnswer) ledger.fault('correlate', 'dns_malformed');
    else if (message.isAnswer) answered(packet, message);
    else lookups.ask(packet, message);
  };

  const find = (record: ConnectionRecord): Named | undefined => {
    const asker = {
      networkNamespace: record.networkNamespace,
      serial: record.process?.serial ?? 0,
      pid: record.process?.pid ?? 0,
      address: record.natOriginal?.address ?? record.peerAddress,
      time: record.startTime,
    };
    // Nobody saw what was looked up before it began.
    const looked = record.preExisting ? undefined : cache.ofProcess(asker);
    if (looked !== undefined) return looked;
    const written = hosts(asker, asker.address);
    if (written !== undefined) return { name: written, lookup: undefined };
    return record.preExisting ? undefined : cache.ofNamespace(asker);
  };

  return {
    learn(packet) {
      if (packet.transport === 'udp') read(packet);
      else for (const whole of streams.add(packet)) read(whole);
    },
    name(record) {
      if (record.role !== 'client') return;
      const found = named.get(record.cookie) ?? find(record);
      if (found === undefined) return;
      record.peerName = found.name;
      if (found.lookup) record.lookup = found.lookup;
      if (record.end) named.delete(record.cookie);
      else named.set(record.cookie, found);
    },
    takeLookups(now) {
      lookups.expire(now);
      const taken = ended;
      ended = [];
      return taken;
    },
  };
}
