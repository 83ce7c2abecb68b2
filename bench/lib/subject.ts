/** Who is compared, as the bench sees it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Namespace } from '../../test/support/netns.ts';

/** What went missing, in the unit of whoever counted it: records, events or packets. */
export interface Losses {
  count: number;
  unit: string;
}

export interface Outcome {
  /** Records (or lines) of the load that arrived where they were sent. */
  records: number;
  /** Connections of the load that these tell of. */
  connections: number;
  /** By a count of its own or of its kernel socket, of all that it saw; undefined when there is none. */
  losses: Losses | undefined;
  /** Its last words. */
  summary: string;
}

export interface Running {
  pid: number;
  /** From the command until it watches. */
  readySeconds: number;
  collectorPid: number | undefined;
  /** Lets it end in order; `port` is the server's in the load. */
  stop(port: number): Promise<Outcome>;
  /** Removes whatever is left of it. */
  clear(): void;
}

export interface Subject {
  name: string;
  /** Whether its records name the process that a connection belongs to. */
  owner: boolean;
  /** Whether it has BPF programs, which have a cost of their own. */
  bpf: boolean;
  /** Its threads are known by what they do: reader and JavaScript. */
  threads: boolean;
  /** For so long it may keep what it has seen before it works at it. */
  holdsBackSeconds: number;
  /** Why it can't be measured here; undefined when it can. */
  missing(): string | undefined;
  start(namespace: Namespace): Promise<Running>;
}

/** Removed at the latest when the bench ends, however it does. */
export function scratch(): string {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sockflow-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
