/** A batch of wire records to events, by the decoder of the C library and by that of the agent, in the same words. */
import { spawnSync } from 'node:child_process';
import { createDecoder } from '../../src/capture/decode.ts';
import { sfRole } from '../../src/capture/wire.gen.ts';
import { correlateOutcome } from '../../src/correlate/outcome.ts';
import { parseCgroups } from '../../src/enrich/cgroup.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord } from '../../src/model.ts';

/** Every bit of enum sockflow_watch. */
const ALL = 0x1ff;

/** `program`: what buildDecoder made. */
export function byLibrary(program: string, bytes: ArrayBuffer, watch = ALL) {
  const { stdout, stderr, status } = spawnSync(program, [`${watch}`], {
    input: Buffer.from(bytes),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`decode ended with ${status}`);
  const events = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { events, malformed: Number(stderr) };
}

export function byAgent(bytes: ArrayBuffer) {
  const ledger = new Ledger();
  const decoder = createDecoder({ ledger, onProcess: () => {}, describe: () => undefined });
  const records = decoder.decode(bytes);
  for (const record of records) correlateOutcome(record);
  return { events: records.map(describe), malformed: ledger.lost.length };
}

const types: Readonly<Record<string, number>> = {
  'tcp update': 201,
  'tcp retransmit': 200,
  'tcp close': 300,
  'tcp failed': 500,
  'udp update': 212,
  'udp close': 310,
};

function typeOf({ transport, event, role, reset, drop }: ConnectionRecord): number | undefined {
  if (event === 'open') return role === 'server' ? 100 : 101;
  if (reset) return reset.direction === 'transmit' ? 202 : 203;
  if (drop) return drop.direction === 'transmit' ? 204 : 205;
  return types[`${transport} ${event}`];
}

const us = (seconds: number | undefined) => Math.round((seconds ?? 0) * 1e6);
const zero = (version: number) => (version === 4 ? '0.0.0.0' : '::');

/** As test/library/decode.cc prints it. */
function describe(record: ConnectionRecord) {
  const version = record.networkType === 'ipv4' ? 4 : 6;
  const { natOriginal: dialled, end, process: p } = record;
  const place = parseCgroups(p?.cgroups ?? []);
  return {
    type: typeOf(record),
    protocol: record.transport === 'tcp' ? 6 : 17,
    version,
    role: sfRole[record.role],
    older: Number(record.preExisting),
    local: `${record.localAddress || zero(version)} ${record.localPort}`,
    peer: `${record.peerAddress || zero(version)} ${record.peerPort}`,
    ...(dialled && { dialled: `${dialled.address} ${dialled.port}` }),
    time: `${record.time} ${record.startTime} ${record.lastTime ?? 0}`,
    id: record.id,
    number: `${record.cookie}`,
    netns: record.networkNamespace,
    interface: record.interfaceName ?? '',
    moved: `${record.sentBytes} ${record.receivedBytes} ${record.sentPackets} ${record.receivedPackets}`,
    us: [record.handshakeDuration, record.smoothedRtt, record.minRtt, record.rttVariation].map(us).join(' '),
    end: [end?.error ?? 0, record.errorType ?? null, record.closeReason ?? null],
    attribution: record.attribution,
    process: p ? [p.pid, p.userId, p.groupId, p.executablePath ?? null] : null,
    parent: p ? [p.parentPid, p.parentUserId, p.parentExecutablePath ?? null] : null,
    place: [p?.cgroups[0] ?? null, place.containerId ?? null, place.runtime ?? null, place.podUid ?? null],
  };
}

interface Printed {
  readonly again: string;
  readonly attribution: string;
  readonly process: readonly [number, number, number, string, string | null];
  readonly parent: readonly [number, number, string, string | null];
}

/** Of what the library says, the part that the agent says, too. */
export function comparable({ again: _, process, parent, attribution, ...event }: Printed) {
  const [pid, uid, gid, , path] = process;
  const [parentPid, parentUid, , parentPath] = parent;
  const isKnown = pid !== 0 && path !== null;
  return {
    ...event,
    attribution: isKnown ? attribution : 'none',
    process: isKnown ? [pid, uid, gid, path] : null,
    parent: isKnown ? [parentPid, parentUid, parentPath] : null,
  };
}
