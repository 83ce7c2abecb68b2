/** A recording as a source of batches: `sockflow replay FILE`. Needs neither root nor the machine that it was made on. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Identity, Sink, Source } from '../capture/source.ts';
import type { Options } from '../cli/options.ts';
import { createContainerEnricher } from '../enrich/container.ts';
import { StartError } from '../errors.ts';
import { type KernelCounts, type Ledger, noCounts } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { Container, Pod, Process } from '../model.ts';
import { type ContainerFact, decode, type Facts, type Machine } from './facts.ts';
import { type Frame, frameKind, RecordingError, readableLayouts, readFrames } from './format.ts';
import { type Scope, within } from './records.ts';
import { countsShape, factsShape, machineShape } from './shapes.ts';

/** Batches between two turns of the event loop, and milliseconds to wait for an output that is behind. */
const BATCHES_IN_A_TURN = 16;
const PAUSE = 5;

type ReplayOptions = Pick<Options, 'tcp' | 'udp' | 'networkNamespace'>;

/**
 * Reads the file once for what it knows of processes, and again for the batches. Throws a StartError for what is no
 * recording of this version.
 */
export function openReplay(file: string, options: ReplayOptions, log: Pick<Log, 'warn'>, ledger: Ledger): Source {
  const fd = open(file);
  let isDamaged = false;
  const onDamage = () => {
    ledger.fault('capture', 'recording_broken');
    if (!isDamaged) log.warn(`${file} is damaged: some names or counts in it are left out`);
    isDamaged = true;
  };
  const { machine, begin, facts } = survey(fd, file, onDamage);
  const processes = new Map(facts.processes.map((process) => [process.serial, process]));
  const scope = scopeOf(options);
  let now = begin;
  let counts = noCounts;
  const { size } = fstatSync(fd);
  let position = 0;
  let isStopped = false;
  let ended: Promise<void> | undefined;

  const readCounts = (payload: Buffer): KernelCounts => {
    const found = decode<KernelCounts>(payload, countsShape);
    if (found === undefined) onDamage();
    return found ?? counts;
  };
  const take = (frame: Frame, { onBatch }: Sink): void => {
    now = frame.time;
    position = frame.end;
    if (frame.kind === frameKind.counts) counts = readCounts(frame.payload);
    if (frame.kind !== frameKind.batch) return;
    const batch = within(toBatch(frame), scope);
    onBatch(batch, batch.byteLength);
  };
  const play = async (sink: Sink): Promise<void> => {
    const frames = readFrames(fd);
    let step = frames.next();
    for (let count = 1; !step.done && !isStopped; count++) {
      take(step.value, sink);
      if (count % BATCHES_IN_A_TURN === 0) await nextTurn();
      while (sink.isBusy() && !isStopped) await sleep(PAUSE);
      step = frames.next();
    }
    if (!step.done || !step.value) return;
    ledger.fault('capture', 'recording_torn');
    log.warn(`${file} ends in the middle of a batch, as when its agent was killed`);
  };
  const finish = async (sink: Sink): Promise<void> => {
    try {
      await nextTurn(); // after the `ready` line
      await play(sink);
    } catch (error) {
      ledger.fault('capture', 'recording_broken');
      log.warn(`${file}: ${(error as Error).message}; what came before was replayed`);
    }
    closeSync(fd);
    sink.onEnd();
  };

  return {
    host: machine.host,
    ownNetworkNamespace: machine.ownNetworkNamespace,
    reasons: machine.reasons,
    files: undefined,
    now: () => now,
    describe: (_pid, serial) => processes.get(serial),
    identify: () => identify(facts),
    start(sink) {
      ended = finish(sink);
      const { host, kernel } = machine;
      return `replaying ${file}, recorded at ${toIso(begin)} on ${host.name} (Linux ${kernel}, sockflow ${host.agentVersion})`;
    },
    counts: () => counts,
    progress: () => position / size,
    async stop() {
      isStopped = true;
      await ended;
    },
  };
}

function open(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new StartError(`replay ${file}: ${why}`, 'name a file made with --record', { cause: error });
  }
}

interface Survey {
  readonly machine: Machine;
  /** When the recording began. */
  readonly begin: bigint;
  readonly facts: AllFacts;
}

interface AllFacts {
  readonly users: Map<number, string>;
  readonly groups: Map<number, string>;
  readonly processes: Process[];
  readonly arguments: Map<number, readonly string[]>;
  readonly containers: Map<string, ContainerFact>;
}

/** Throws a StartError. */
function survey(fd: number, file: string, onDamage: () => void): Survey {
  const facts: AllFacts = {
    users: new Map(),
    groups: new Map(),
    processes: [],
    arguments: new Map(),
    containers: new Map(),
  };
  try {
    const frames = readFrames(fd);
    const first = frames.next();
    if (first.done || first.value.kind !== frameKind.machine) throw new RecordingError('it is empty');
    const machine = decode<Machine>(first.value.payload, machineShape);
    if (machine === undefined) throw new RecordingError('it does not say where it was made');
    if (!readableLayouts.has(machine.layout))
      throw new RecordingError(`its batches are those of sockflow ${machine.host.agentVersion}`);
    for (const { kind, payload } of frames) {
      const found = kind === frameKind.facts ? decode<Facts>(payload, factsShape) : {};
      if (found === undefined) onDamage();
      else learn(facts, found);
    }
    return { machine, begin: first.value.time, facts };
  } catch (error) {
    closeSync(fd);
    const remedy = 'name a file made with --record by this version of sockflow';
    throw new StartError(`${file} cannot be replayed: ${(error as Error).message}`, remedy, { cause: error });
  }
}

function learn(
  all: AllFacts,
  { users = [], groups = [], processes = [], arguments: args = [], containers = [] }: Facts,
): void {
  for (const [id, name] of users) all.users.set(id, name);
  for (const [id, name] of groups) all.groups.set(id, name);
  all.processes.push(...processes);
  for (const [serial, given] of args) all.arguments.set(serial, given);
  for (const container of containers) all.containers.set(container.id, container);
}

/** Nobody is asked and nothing waits: what is not in the file is not known. */
function identify({ users, groups, arguments: args, containers }: AllFacts): Identity {
  const onContainer = (container: Container, pod: Pod | undefined): void => {
    const fact = containers.get(container.id);
    if (fact?.details) container.details = fact.details;
    if (fact?.kubernetes) container.kubernetes = fact.kubernetes;
    if (pod && fact?.pod?.details) pod.details = fact.pod.details;
    if (pod && fact?.pod?.kubernetes) pod.kubernetes = fact.pod.kubernetes;
  };
  return {
    enrichers: [
      { name: 'user', enrich: (process) => nameUsers(process, users, groups) },
      {
        name: 'command_args',
        enrich(process) {
          const given = args.get(process.serial);
          if (given) process.commandArgs = given;
        },
      },
      createContainerEnricher({ onContainer }),
    ],
    description: 'names: those of the recording',
    completePeer: () => undefined,
    pass: (records) => records,
    close: () => undefined,
  };
}

function nameUsers(process: Process, users: ReadonlyMap<number, string>, groups: ReadonlyMap<number, string>): void {
  const user = users.get(process.userId);
  const group = groups.get(process.groupId);
  const parentUser = users.get(process.parentUserId);
  if (user !== undefined) process.userName = user;
  if (group !== undefined) process.groupName = group;
  if (parentUser !== undefined) process.parentUserName = parentUser;
}

function scopeOf({ tcp, udp, networkNamespace }: ReplayOptions): Scope {
  return { tcp: tcp || !udp, udp: udp || !tcp, networkNamespace: networkNamespace ?? 0 };
}

/** The decoder wants the whole buffer. */
function toBatch({ payload }: Frame): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = payload;
  return byteOffset === 0 && byteLength === buffer.byteLength
    ? buffer
    : buffer.slice(byteOffset, byteOffset + byteLength);
}

function toIso(time: bigint): string {
  return new Date(Number(time / 1_000_000n)).toISOString();
}
