/** What the kernel lets the agent see: the programs are loaded and attached, as at start, and detached again. */
import { startCapture } from '../capture/capture.ts';
import { captureOptions } from '../capture/live.ts';
import type { Features } from '../capture/native.ts';
import type { Options } from '../cli/options.ts';
import { StartError } from '../errors.ts';
import { createSelection } from '../select.ts';
import { type Finding, type Group, judge } from './finding.ts';

const title = 'Kernel side';
const connections = { name: 'TCP connections', purpose: 'who talks to whom, and how it went' };

export async function checkCapture(options: Options): Promise<Group> {
  const selection = createSelection(options);
  const isAskedFor = (event: string): boolean => options.events?.some((name) => name === event) ?? false;
  try {
    const features = await attachAll(options);
    return {
      title,
      findings: [
        { ...connections, state: 'ok' },
        ...describe(features, {
          udp: options.udp,
          updates: isAskedFor('update'),
          drops: selection.wantsDrop,
          dns: isAskedFor('dns'),
        }),
      ],
    };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const refused: Finding = {
      ...connections,
      state: 'missing',
      found: error.message,
      lost: 'all',
      remedy: error.remedy,
    };
    return { title, findings: [refused] };
  }
}

/** All that can be switched on, whatever will be. */
async function attachAll(options: Options): Promise<Features> {
  const wanted = {
    ...captureOptions(options, createSelection(options)),
    ...{
      tcp: true,
      udp: true,
      dns: true,
      drops: true,
      resets: true,
      retransmits: true,
      updates: true,
      listeners: true,
    },
    existing: false,
  };
  const capture = startCapture(wanted, { onBatch: () => undefined, isMakingRoom: () => false }, () => undefined);
  await capture.stop();
  return capture.features;
}

interface Wanted {
  readonly udp: boolean;
  readonly updates: boolean;
  readonly drops: boolean;
  readonly dns: boolean;
}

function describe(features: Features, wanted: Wanted): Finding[] {
  const cgroups = 'mount cgroup2 (in a container below --host-root), or grant CAP_SYS_ADMIN; Linux 6.2 or later';
  return [
    judge({
      name: 'UDP conversations',
      purpose: 'datagrams and bytes by socket and peer',
      isThere: features.udp,
      isNeeded: wanted.udp,
      lost: 'UDP',
      remedy: cgroups,
    }),
    judge({
      name: 'names by DNS',
      purpose: 'peers under the names that they were looked up by',
      isThere: features.dns,
      isNeeded: wanted.dns,
      lost: 'server.address is the bare address, no look-ups',
      remedy: cgroups,
    }),
    judge({
      name: 'translated addresses',
      purpose: 'the true peer behind a service or a published port',
      isThere: features.translation,
      isNeeded: false,
      lost: 'only what was dialled is known',
      remedy: cgroups,
    }),
    judge({
      name: 'updates of live connections',
      purpose: 'what long connections move while they live',
      isThere: features.snapshot,
      isNeeded: wanted.updates,
      lost: 'a connection is told at its end only',
      remedy: 'Linux 6.2 or later',
    }),
    judge({
      name: 'owners by sending',
      purpose: 'the process that uses a socket, from its first byte on',
      isThere: features.useCalls,
      isNeeded: false,
      lost: 'a process that only sends on a socket of another one',
      remedy: 'Linux 6.3 or later',
    }),
    judge({
      name: 'dropped segments',
      purpose: '--events drop',
      isThere: features.drops,
      isNeeded: wanted.drops,
      lost: 'drop events',
      remedy: 'Linux 6.2 or later',
    }),
    cgroupHooks(features),
  ];
}

function cgroupHooks({ cgroupHooks: areThere, wholeHost }: Features): Finding {
  const name = 'owners of unused sockets, connects without a route';
  const purpose = 'who closed what it never used, who dialled what has no route';
  const remedy = 'mount cgroup2 of the host (in a container below --host-root), or grant CAP_SYS_ADMIN';
  if (areThere && wholeHost) return { name, state: 'ok', purpose };
  const lost = areThere ? 'these, outside of the cgroup namespace that the agent is in' : 'these';
  return { name, state: areThere ? 'partly' : 'off', purpose, lost, remedy };
}
