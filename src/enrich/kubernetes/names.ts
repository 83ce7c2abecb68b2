/** A process's place in Kubernetes, put together of what is known of its pod. */
import type { Workload } from '../../model.ts';
import type { Pod, PodContainer } from './pod.ts';
import { type OwnerOf, serviceNameOf, workloadOf } from './workload.ts';

export interface PodNames {
  readonly pod: Pod;
  readonly workload: Workload;
  /** Undefined while it isn't known which of them it is. */
  readonly container: PodContainer | undefined;
  readonly serviceName: string;
  /** The owner of its owner is being asked for. */
  readonly isPending: boolean;
}

/** What was learnt of pods, and a way to learn more. */
export interface PodSource {
  /** Where they are from, for the line that says what is watched; empty where none are expected. */
  readonly description: string;
  /** What is known now. `uid`: as the name of a cgroup has it. */
  find(uid: string | undefined, containerId: string | undefined): PodNames | undefined;
  /**
   * Resolves when more may be known, after that many milliseconds at most, or a little later; to false when it is of no
   * use to ask again soon. Never rejects.
   */
  ask(longest: number): Promise<boolean>;
  /** Whether `ask` asks a question; else news come when they come, and `ask` only waits for them. */
  readonly isAnswered: boolean;
  close(): void;
}

export interface OwnerNames {
  readonly ownerOf: OwnerOf;
  isAsking(pod: Pod): boolean;
}

/** Without `owners`, the signs on the pod tell of its workload. */
export function namesOf(
  pod: Pod | undefined,
  containerId: string | undefined,
  owners?: OwnerNames,
): PodNames | undefined {
  if (!pod) return undefined;
  const workload = workloadOf(pod, owners?.ownerOf);
  const container = containerId === undefined ? undefined : pod.containers.get(containerId);
  const serviceName = serviceNameOf(pod, workload, container?.name);
  return { pod, workload, container, serviceName, isPending: owners?.isAsking(pod) ?? false };
}
