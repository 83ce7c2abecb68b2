/** What all programs that run containers are to us: somebody to ask about a container, and to hear of changes from. */
import type { ContainerDetails, PodDetails } from '../../model.ts';

/** What a runtime knows of a container. */
export interface Found {
  readonly container: ContainerDetails;
  /** Of runtimes that know of pods. */
  readonly pod?: ({ readonly uid: string } & PodDetails) | undefined;
}

export interface RuntimeEvents {
  /** From here on nothing is missed; what happened before may have been. */
  onConnected(): void;
  /** A container begins, or has other names than before. */
  onFound(id: string, found: Found): void;
}

/** One socket. Its methods may reject with anything, and after any time: the caller has a deadline and counts. */
export interface Runtime {
  /** docker, podman, containerd, cri-o: for messages and counters. */
  readonly name: string;
  readonly socket: string;
  /** Whether it may know containers of this runtime, as their cgroups tell; undefined: they do not tell. */
  mayKnow(runtime: string | undefined): boolean;
  /** Undefined: it answered, and has no such container. */
  find(id: string, signal: AbortSignal): Promise<Found | undefined>;
  /** Tells what happens until `signal`, or until the other side ends it. */
  watch(events: RuntimeEvents, signal: AbortSignal): Promise<void>;
}
