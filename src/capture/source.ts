/** Where batches come from, and who knows the machine that they tell of: this host (live.ts), or a recording (../recording/). */
import type { Enricher } from '../enrich/enricher.ts';
import type { Host } from '../export/semconv/resource.ts';
import type { KernelCounts } from '../ledger.ts';
import type { ConnectionRecord, Process } from '../model.ts';
import type { Reasons } from './connection.ts';
import type { ProcessFiles } from './process-files.ts';

export interface Source {
  readonly host: Host;
  /** Inode number of the network namespace of the agent that captures. */
  readonly ownNetworkNamespace: number;
  /** The kernel's names of reasons, by number. */
  readonly reasons: Reasons;
  /** Of the processes of the machine; undefined: there are none. */
  readonly files: ProcessFiles | undefined;
  /** The second way to know a process, when its description is missing. */
  describe(pid: number, serial: number): Process | undefined;
  /** The time that the batches have come to, UNIX nanoseconds. */
  now(): bigint;
  /** Called once, before `start`. `emit` takes records that have waited for a name. */
  identify(emit: (records: ConnectionRecord[]) => void): Identity;
  /** Throws StartError. Resolves to what is watched, and what is off and why, for the `ready` line. */
  start(sink: Sink): string;
  counts(): KernelCounts;
  /** The part of it that was read, 0 to 1. A live source has no end, and no progress. */
  progress?(): number;
  /** What this kernel and host let it see, by name; empty before the start. A recording has no say in it. */
  capabilities?(): Readonly<Record<string, boolean>>;
  /** Resolves when the last batch was delivered. Idempotent. */
  stop(): Promise<void>;
}

/** Users, containers and pods of processes, and whose address a peer has in the cluster. */
export interface Identity {
  /** Who is asked for names, for the `ready` line. */
  readonly description: string;
  readonly enrichers: readonly Enricher[];
  completePeer(record: ConnectionRecord): void;
  /** The records that need not wait for a name; the others come to `emit`. */
  pass(records: ConnectionRecord[]): ConnectionRecord[];
  /** Lets all go that wait, and asks nobody any more. Idempotent. */
  close(): void;
}

export interface Sink {
  /** Whole records (layout: wire.gen.ts) in the first `length` bytes of a buffer that is used again after the call. */
  onBatch(buffer: ArrayBuffer, length: number): void;
  /** There will be no further batch. A live source has no end. */
  onEnd(): void;
  /** An output has more than it can write soon: who can wait, should. */
  isBusy(): boolean;
  /** An output is about to have room again: who can wait for a moment should. */
  isMakingRoom(): boolean;
}
