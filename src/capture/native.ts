/**
 * The whole surface of the native addon (native/addon.cc). Everything else in src/ is above it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { StartError } from '../errors.ts';
import { builtFile } from './built.ts';
import { digestSources } from './sources.ts';

/** What this kernel and host let the agent see. */
export interface Features {
  /** False: only the agent's own cgroup namespace can be seen by the cgroup hooks. */
  readonly wholeHost: boolean;
  /** Updates of live connections (Linux 6.2 and later). */
  readonly snapshot: boolean;
  /** Drops of segments were asked for and can be seen (Linux 6.2 and later). */
  readonly drops: boolean;
  /** Owners by sending (Linux 6.3 and later); else only by receiving data. */
  readonly useCalls: boolean;
  /** UDP conversations (Linux 6.2 and later, cgroup v2). */
  readonly udp: boolean;
  /** Where a dialled TCP address is translated to, likewise. */
  readonly translation: boolean;
  /** Owners of sockets that were accepted and closed unused, and connects that fail before a SYN is sent. */
  readonly cgroupHooks: boolean;
  /** Look-ups of names (Linux 6.2 and later, cgroup v2); false also when they were not asked for. */
  readonly dns: boolean;
  /** Connections older than the agent were found, or not asked for. */
  readonly existing: boolean;
}

export interface CaptureOptions {
  /** Bytes, a power of two. */
  readonly ringBytes: number;
  /** At least so many can be followed at once. */
  readonly maxConnections: number;
  /** Send a record when a connection is established, too. */
  readonly emitOpen: boolean;
  /** Send a record of each retransmitted segment. */
  readonly retransmits: boolean;
  /** Send a record of each reset. */
  readonly resets: boolean;
  /** Send a record of each segment of a connection that the kernel drops. */
  readonly drops: boolean;
  /** Snapshots say what listeners dropped, too. */
  readonly listeners: boolean;
  /** Put congestion window, delivery rate and the like behind each record. */
  readonly details: boolean;
  /** Put the arguments of processes into their descriptions. */
  readonly commandArgs: boolean;
  /** Snapshots report connections that moved; else they only find what was lost or hidden. */
  readonly updates: boolean;
  /** Those that did not move, too. */
  readonly idleUpdates: boolean;
  readonly tcp: boolean;
  readonly udp: boolean;
  /** UDP conversations that are told apart at once. */
  readonly maxFlows: number;
  /** Milliseconds after which one that does not move has ended. */
  readonly flowIdle: number;
  /** Send what goes to and comes from port 53. */
  readonly dns: boolean;
  /** Inode number of the network namespace to watch; 0: all. */
  readonly onlyNetworkNamespace: number;
  /** Find the connections that are older than the agent. */
  readonly existing: boolean;
}

/** Thrown by the constructor and by start(): message is one sentence, log what libbpf and the verifier said. */
export interface CaptureError extends Error {
  readonly errno: number;
  readonly step: string;
  readonly log?: string;
}

export interface NativeCapture {
  /**
   * Attaches the programs and starts the reader thread. onBatch gets whole records (layout: wire.gen.ts) in the first
   * `length` bytes of a buffer that is used again after the call, on the JavaScript thread; onEnd comes after the last
   * batch. Throws CaptureError.
   */
  start(onBatch: (buffer: ArrayBuffer, length: number) => void, onEnd: () => void): Features;
  /** Asks the reader thread for a snapshot: it finds what was lost or hidden, and reports what moved since the last one. */
  requestSnapshot(): void;
  /** The kernel side's sums, indexed by sfCounter, and at sfCounter.max how many connections live, behind it UDP conversations. Also after the end. */
  counts(): Float64Array;
  /** The event loop has had a turn since the batches that came: the next ones may. */
  turnEnded(): void;
  /** Detaches, delivers what is in the ring, then calls onEnd. Idempotent. */
  stop(): void;
}

/** The process that keeps the right to look at other processes and namespaces: native/privileged. */
export interface NativePrivileged {
  /** Of /proc/PID, by its number in protocol.h; undefined when it cannot be had. */
  link(pid: number, link: number): string | undefined;
  /** A descriptor, or a negative errno. */
  open(pid: number, file: number): number;
  /** Inode numbers. */
  sockets(pid: number): string[];
  /** For the constructor of a Capture; once. */
  takeReaderChannel(): number;
  readonly isThere: boolean;
  readonly pid: number;
  /** Ends it. Idempotent. */
  close(): void;
}

interface Addon {
  /** Digest of what it was made of; undefined in those of long ago. */
  readonly sources: string | undefined;
  /** Loads the BPF programs. `channel`: who is asked for what takes capabilities. Throws CaptureError. */
  readonly Capture: new (
    options: CaptureOptions,
    channel?: number,
  ) => NativeCapture;
  /** Starts `program` with the same rights. Throws an error with errno. */
  readonly Privileged: new (
    program: string,
    proc: string,
  ) => NativePrivileged;
  /** Takes every capability from every thread, and most system calls that need one. Throws an error with errno. */
  giveUpPrivileges(): void;
  /** Sends a text to the socket of a service manager (sd_notify(3)). False: it could not. */
  notify(socket: string, text: string): boolean;
  /** The running kernel's names of an enumeration's values, by number; empty when it has none of that name. */
  enumeration(name: string): string[];
  /** Name of a user or group id by the system's name service; undefined when it has none. Never rejects. */
  lookupName(kind: 'user' | 'group', id: number): Promise<string | undefined>;
}

/** Throws a StartError when it is not there, is older or newer than the sources beside it, or lacks a library. */
export function loadAddon(root = join(import.meta.dirname, '..', '..')): Addon {
  const addon = load(builtFile('sockflow.node', root), root);
  const sources = digestSources(root);
  if (sources !== undefined && addon.sources !== sources)
    throw new StartError(
      'the addon is not of the sources of this checkout, which have changed since it was built',
      `run \`npm run setup\` in ${root}`,
    );
  return addon;
}

function load(file: string, root: string): Addon {
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split('\n');
    throw new StartError(`the addon cannot be loaded: ${reason}`, remedyFor(file, root), { cause });
  }
}

function remedyFor(file: string, root: string): string {
  if (existsSync(join(root, 'prebuilds')) && !existsSync(file))
    return `this package has none for ${process.arch}: build one from the sources`;
  return existsSync(file)
    ? 'install what it needs (Debian: libbpf1, libelf1, libnetfilter-conntrack3, libseccomp2)'
    : 'run `npm run setup` in the checkout that this is from';
}
