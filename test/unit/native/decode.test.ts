/** The C library makes of the kernel side's records what the agent makes of them. */
import test, { type ExecutionContext } from 'ava';
import { createDecoder } from '../../../src/capture/decode.ts';
import { sfEvent, sfFlag, sfFlow, sfFlowFlag, sfKind, sfRole, sfTranslation } from '../../../src/capture/wire.gen.ts';
import { Ledger } from '../../../src/ledger.ts';
import type { Process } from '../../../src/model.ts';
import { batch, connectionBytes, interfaceBytes, pathPart, processBytes } from '../../support/batch.ts';
import { byAgent, byLibrary, comparable } from '../../support/both-decoders.ts';
import { buildDecoder } from '../../support/c-library.ts';
import { cgroupRows } from '../../support/cgroup-paths.ts';
import { random } from '../../support/random.ts';

function belowOf(seed: number): (limit: number) => number {
  const next = random(seed);
  return (limit) => Math.floor(next() * limit);
}

const program = buildDecoder();

const container = 'ab12'.repeat(16);
const described = processBytes({
  serial: 7,
  pid: 70,
  parentPid: 3,
  userId: 1001,
  name: 'caddy',
  parts: [
    pathPart('/opt/caddy/bin/caddy'),
    pathPart('/usr/bin/bash'),
    pathPart(`/system.slice/docker-${container}.scope`),
  ],
});

function translationBytes(cookie: bigint, port: number, address: readonly number[]): Uint8Array {
  const record = Buffer.alloc(sfTranslation.size);
  record.writeUInt8(sfKind.translation, sfTranslation.kind);
  record.writeUInt8(4, sfTranslation.family);
  record.writeUInt16LE(record.length, sfTranslation.length);
  record.writeUInt16LE(port, sfTranslation.port);
  record.writeBigUInt64LE(cookie, sfTranslation.cookie);
  record.set(address, sfTranslation.address);
  return record;
}

function assertSame(t: ExecutionContext, records: Uint8Array[]): void {
  const bytes = batch(...records);
  const expected = byAgent(bytes);
  const { events, malformed } = byLibrary(program, bytes);
  t.is(malformed, expected.malformed);
  t.deepEqual(events.map(comparable), expected.events as never);
}

test('every end of every state, error and history has the same reason and error', (t) => {
  const errors = [0, 111, 110, 113, 101, 104, 32, 103, 13, 1, 99, 5];
  const flags = [0, 1, 2, 4, 9, 16, 32, 33, 48];
  const calls = [{}, { shutdown: 3 }, { sentPackets: 1 }];
  const ends = Array.from({ length: 13 }, (_, state) =>
    errors.flatMap((error) =>
      flags.flatMap((flag) =>
        calls.map((call) => connectionBytes({ state, error, flags: flag, peerPort: 1, ...call })),
      ),
    ),
  ).flat();
  t.is(ends.length, 13 * 12 * 9 * 3);
  assertSame(t, ends);
});

test('every field of every event, with its process, interface and translation', (t) => {
  const full = {
    timeNs: 1_700_000_000_123_456_789n,
    startNs: 1_700_000_000_000_000_001n,
    cookie: 99n,
    id: 0x0123456789abcdefn,
    localAddress: [10, 0, 0, 1],
    peerAddress: [10, 96, 0, 1],
    localPort: 40_000,
    peerPort: 443,
    netns: 4026531840,
    pid: 70,
    process: 7,
    interface: 5,
    sentBytes: 2n ** 40n,
    receivedBytes: 3n,
    sentPackets: 4,
    receivedPackets: 5,
    retransmits: 6,
    handshakeUs: 7,
    rttUs: 8,
    rttMinUs: 9,
    rttVariationUs: 10,
    attribution: 4,
    segments: 3,
    flags: sfFlag.established,
  };
  const ipv6 = {
    family: 6,
    localAddress: [0xfe, 0x80, ...Array(13).fill(0), 1],
    peerAddress: [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 2],
  };
  const events = Object.values(sfEvent).filter((event) => event !== sfEvent.end);
  const all = [...events, sfEvent.end].flatMap((event) =>
    [sfRole.client, sfRole.server, sfRole.unknown].flatMap((role) => [
      connectionBytes({ ...full, event, role }),
      connectionBytes({ ...full, ...ipv6, event, role, cookie: 100n, interface: 1, process: 0, pid: 0 }),
    ]),
  );
  const behind = connectionBytes({ ...full, event: sfEvent.resetReceived, role: sfRole.client });
  const another = connectionBytes({ ...full, event: sfEvent.open, role: sfRole.client });
  assertSame(t, [
    described,
    interfaceBytes(4026531840, 5, 'eth0'),
    translationBytes(99n, 8443, [172, 17, 0, 5]),
    ...all,
    behind,
    another,
  ]);
});

test('conversations, of all kinds', (t) => {
  const below = belowOf(7);
  const flow = (flags: number, event: number, reason: number) => {
    const record = Buffer.from(Array.from({ length: sfFlow.size }, () => below(256)));
    record.writeUInt8(sfKind.flow, sfFlow.kind);
    record.writeUInt8(event, sfFlow.event);
    record.writeUInt16LE(sfFlow.size, sfFlow.length);
    record.writeUInt8(below(2) ? 4 : 6, sfFlow.family);
    record.writeUInt8(below(3), sfFlow.role);
    record.writeUInt8(flags, sfFlow.flags);
    record.writeUInt8(reason, sfFlow.reason);
    record.writeUInt16LE([0, 111, 113][below(3)] as number, sfFlow.error);
    record.writeUInt32LE(below(2) ? 7 : 0, sfFlow.process);
    record.writeUInt8(below(6), sfFlow.attribution);
    for (const field of ['sentBytes', 'receivedBytes', 'sentPackets', 'receivedPackets'] as const)
      record.writeBigUInt64LE(BigInt(below(2 ** 31)) * 1024n, sfFlow[field]);
    if (flags & sfFlowFlag.others) record.writeUInt16LE(0, sfFlow.peerPort);
    return record;
  };
  const records = Array.from({ length: 500 }, (_, index) =>
    flow(index % 16, index % 2 ? sfEvent.end : sfEvent.update, 1 + (index % 3)),
  );
  assertSame(t, [described, ...records]);
});

test('containers and pods by all the paths that the agent knows', (t) => {
  const paths = cgroupRows.map(([, path]) => path);
  const records = paths.flatMap((path, index) => [
    processBytes({ serial: index + 1, pid: 5, parts: [pathPart('/bin/x'), pathPart('/bin/y'), pathPart(path)] }),
    connectionBytes({ pid: 5, process: index + 1 }),
  ]);
  t.true(paths.length > 50);
  assertSame(t, records);
});

test('and by paths that are nearly such', (t) => {
  const below = belowOf(5);
  const signs = '-_.:/@\\x0fg';
  const damaged = (path: string) => {
    const at = 1 + below(path.length);
    const sign = signs[below(signs.length)];
    const part = path.split('/')[1 + below(3)] ?? '';
    const ways = [
      `${path.slice(0, at)}${sign}${path.slice(at)}`,
      `${path.slice(0, at)}${sign}${path.slice(at + 1)}`,
      `${path.slice(0, at)}${path.slice(at + 1)}`,
      `${path}/${part}`,
      `/${part}${path}`,
    ];
    return ways[below(ways.length)] as string;
  };
  const paths = Array.from({ length: 4_000 }, () => damaged(cgroupRows[below(cgroupRows.length)]?.[1] ?? '/'));
  const records = paths.flatMap((path, index) => [
    processBytes({ serial: index + 1, pid: 5, parts: [pathPart('/bin/x'), pathPart('/bin/y'), pathPart(path)] }),
    connectionBytes({ pid: 5, process: index + 1 }),
  ]);
  assertSame(t, records);
});

test('a path as long as the kernel allows does no harm', (t) => {
  const path = `/${Array.from({ length: 7 }, (_, index) => `kubepods-pod${'a'.repeat(240)}${index}`).join('/')}`;
  const process = processBytes({ serial: 1, pid: 5, parts: [pathPart('/bin/x'), pathPart('/bin/y'), pathPart(path)] });
  assertSame(t, [process, connectionBytes({ pid: 5, process: 1 })]);
});

test('what is no record is counted, ends the batch, and is never read beyond it', (t) => {
  const below = belowOf(11);
  const whole = Buffer.from(
    batch(described, connectionBytes({ pid: 70, process: 7 }), interfaceBytes(1, 5, 'eth0'), connectionBytes({})),
  );
  for (let round = 0; round < 40; round++) {
    const bytes = Buffer.from(whole.subarray(0, round % 2 ? whole.length : below(whole.length)));
    for (let count = below(4); count > 0 && bytes.length > 0; count--)
      bytes[below(Math.min(bytes.length, 100))] = below(256);
    const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const { events, malformed } = byLibrary(program, copy);
    const expected = byAgentOrNothing(copy);
    t.is(malformed, expected.malformed, bytes.toString('hex'));
    t.is(events.length, expected.count);
  }
});

/** Views of 8 bytes want whole words, which a batch always has. */
function byAgentOrNothing(bytes: ArrayBuffer) {
  const padded = Buffer.alloc((bytes.byteLength + 7) & ~7);
  padded.set(Buffer.from(bytes));
  const ledger = new Ledger();
  const decoder = createDecoder({ ledger, onProcess: (_: Process) => {}, describe: () => undefined });
  const count = decoder.decode(
    padded.buffer.slice(padded.byteOffset, padded.byteOffset + padded.length) as ArrayBuffer,
    bytes.byteLength,
  ).length;
  return { count, malformed: ledger.lost.length };
}

test('the bits of libebpfflow choose as its tool did', (t) => {
  const open = (role: number) => connectionBytes({ event: sfEvent.open, role });
  const records = batch(
    open(sfRole.client),
    open(sfRole.server),
    connectionBytes({ error: 111 }),
    connectionBytes({ flags: sfFlag.established, state: 4 }),
    connectionBytes({ event: sfEvent.retransmit }),
    connectionBytes({ event: sfEvent.update }),
    connectionBytes({ event: sfEvent.resetSent }),
    connectionBytes({ event: sfEvent.dropReceived }),
  );
  const chosen = (watch: number) => byLibrary(program, records, watch).events.map(({ type }) => type);
  t.deepEqual(chosen(0), [101, 100, 500, 300, 200]);
  t.deepEqual(chosen(1), [101, 100, 500, 300, 200]);
  t.deepEqual(chosen(1 << 2), [100]);
  t.deepEqual(chosen(1 << 3), [101, 500]);
  t.deepEqual(chosen(1 << 4), [300]);
  t.deepEqual(chosen(1 << 5), [200]);
  t.deepEqual(chosen(1 << 6), [201]);
  t.deepEqual(chosen(1 << 7), [202]);
  t.deepEqual(chosen(1 << 8), [205]);
});
