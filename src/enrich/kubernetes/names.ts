/** A process's place in Kubernetes, put together of what is known of its pod. */
import type { Pod, PodContainer } from './pod.ts';
import { type OwnerOf, serviceNameOf, type Workload, workloadOf } from './workload.ts';

export interface PodNames {
  readonly pod: Pod;
  readonly workload: Workload;
  /** Undefined while it isn't known which of them it is. */
  readonly container: PodContainer | undefined;
  readonly serviceName: string;
}

/** What was learnt of pods, and a way to learn more. */
export interface PodSource {
  /** For the line that says what is watched. */
  readonly description: string;
  /** What is known now. `uid`: as the name of a cgroup has it. */
  find(uid: string | undefined, containerId: string | undefined): PodNames | undefined;
  /** Asks, waits some seconds at most, and resolves to what is known then. Never rejects. */
  ask(uid: string | undefined, containerId: string | undefined): Promise<PodNames | undefined>;
  close(): void;
}

export function namesOf(
  pod: Pod | undefined,
  containerId: string | undefined,
  ownerOf?: OwnerOf,
): PodNames | undefined {
  if (!pod) return undefined;
  const workload = workloadOf(pod, ownerOf);
  const container = containerId === undefined ? undefined : pod.containers.get(containerId);
  return { pod, workload, container, serviceName: serviceNameOf(pod, workload, container?.name) };
}
