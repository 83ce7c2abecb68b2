/** Which container, pod or service a process belongs to, by its cgroups alone: at once, with nobody asked. */
import { LRUCache } from 'lru-cache';
import type { Container, Pod, Process } from '../model.ts';
import { type Placement, parseCgroups } from './cgroup.ts';
import type { Enricher } from './enricher.ts';

/** Of each: containers, pods, and sets of cgroups. One that was forgotten is made anew by its next process. */
const LIMIT = 16_384;

export interface ContainerListeners {
  /** The first process of a container, or of one that was forgotten. */
  onContainer(container: Container, pod: Pod | undefined): void;
}

/** All processes of a container share one object, so what is learnt of it later is theirs, too. */
export function createContainerEnricher({ onContainer }: Partial<ContainerListeners> = {}): Enricher {
  const placements = new LRUCache<string, Placement>({ max: LIMIT });
  const containers = new LRUCache<string, Container>({ max: LIMIT });
  const pods = new LRUCache<string, Pod>({ max: LIMIT });

  const place = (cgroups: readonly string[]): Placement => {
    const key = cgroups.join('\n');
    const known = placements.get(key);
    if (known) return known;
    const placement = parseCgroups(cgroups);
    placements.set(key, placement);
    return placement;
  };
  const podOf = (uid: string): Pod => {
    const pod = pods.get(uid) ?? { uid };
    pods.set(uid, pod);
    return pod;
  };
  const containerOf = (id: string, runtime: string | undefined, pod: Pod | undefined): Container => {
    const known = containers.get(id);
    if (known) return known;
    const container: Container = { id, runtime };
    containers.set(id, container);
    onContainer?.(container, pod);
    return container;
  };

  return {
    name: 'container',
    enrich(process: Process) {
      const { containerId, runtime, podUid, systemdUnit } = place(process.cgroups);
      if (podUid !== undefined) process.pod = podOf(podUid);
      if (containerId !== undefined) process.container = containerOf(containerId, runtime, process.pod);
      if (systemdUnit !== undefined) process.systemdUnit = systemdUnit;
    },
  };
}
