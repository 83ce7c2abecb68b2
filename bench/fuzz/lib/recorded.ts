/** Batches of a real host, as `--record` kept them (corpus/recording), and such that are made of what tests are made of. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sfDns, sfFlow, sfKind, sfTranslation } from '../../../src/capture/wire.gen.ts';
import { encode } from '../../../src/recording/facts.ts';
import {
  type Frame,
  frameKind,
  readableLayouts,
  readFrames,
  wireLayout,
  writeFrame,
  writeHead,
} from '../../../src/recording/format.ts';
import { batch, connectionBytes, interfaceBytes, pathPart, processBytes } from '../../../test/support/batch.ts';
import { message } from '../../../test/support/dns-message.ts';
import { inputFile } from './files.ts';

const REAL = join(import.meta.dirname, '../corpus/recording/real');

const described = processBytes({
  serial: 7,
  pid: 70,
  userId: 1001,
  name: 'caddy',
  parts: [pathPart('/opt/caddy/bin/caddy'), pathPart('/usr/bin/bash'), pathPart(`/docker/${'ab12'.repeat(16)}`)],
});

/** One record of each kind. */
const made = batch(
  described,
  interfaceBytes(3, 5, 'eth0'),
  record(sfKind.translation, sfTranslation.size),
  connectionBytes({ pid: 70, process: 7, interface: 5, netns: 3, role: 1, peerPort: 443 }),
  record(sfKind.flow, sfFlow.size),
  record(sfKind.dns, sfDns.size, message({ question: 'www.example.org', isAnswer: false })),
);

/** That of a real host is left out when its layout is not read any more: then it is time to make it anew (docs/fuzzing.md). */
export function recordedBatches(): ArrayBuffer[] {
  const [machine, ...frames] = framesOf(REAL);
  if (![...readableLayouts].some((layout) => machine?.payload.includes(`"layout":"${layout}"`))) return [made];
  const batches = frames
    .filter(({ kind }) => kind === frameKind.batch)
    .map(({ payload }) => Uint8Array.from(payload).buffer);
  return [made, ...batches];
}

/** A recording of a machine that never was. */
export function madeRecording(): Buffer {
  const file = inputFile();
  const fd = openSync(file.path, 'w');
  const time = 1_700_000_000_000_000_000n;
  const none = { opened: 1, closed: 1, live: 0 };
  try {
    writeHead(fd);
    writeFrame(fd, frameKind.machine, time, encode(machine));
    writeFrame(fd, frameKind.facts, time, encode(facts));
    writeFrame(fd, frameKind.batch, time + 1n, Buffer.from(made));
    writeFrame(
      fd,
      frameKind.counts,
      time + 2n,
      encode({ ...none, lost: { ring_full: 0 }, dropped: {}, udp: none, folded: 0 }),
    );
    return readFileSync(file.path);
  } finally {
    closeSync(fd);
    file.remove();
  }
}

const machine = {
  host: { id: 'm', name: 'h', agentVersion: '0.1.0' },
  kernel: '6.18.0',
  layout: wireLayout,
  ownNetworkNamespace: 1,
  reasons: { reset: ['one'], drop: ['two'] },
};

const facts = {
  users: [[1001, 'web']],
  groups: [[1001, 'web']],
  processes: [
    {
      serial: 9,
      pid: 5,
      startTime: 1n,
      executableName: 'x',
      parentPid: 1,
      userId: 1001,
      groupId: 0,
      parentUserId: 0,
      namespacePid: 5,
      cgroups: ['/'],
    },
  ],
  containers: [
    {
      id: 'ab12'.repeat(16),
      details: { runtime: 'docker', name: 'c' },
      kubernetes: { name: 'c', imageTags: [] },
      pod: { details: { name: 'p', namespace: 'n' } },
    },
  ],
};

function framesOf(file: string): Frame[] {
  const fd = openSync(file, 'r');
  try {
    return [...readFrames(fd)];
  } finally {
    closeSync(fd);
  }
}

function record(kind: number, size: number, more: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(size), more]);
  bytes[0] = kind;
  bytes.writeUInt16LE(bytes.length, 2);
  return bytes;
}
