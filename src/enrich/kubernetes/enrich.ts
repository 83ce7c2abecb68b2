/** Completes pods and their containers with what Kubernetes says. A container waits for it when it may come soon. */
import type { Container, KubernetesPod, Pod } from '../../model.ts';
import { parseImage } from '../runtime/image.ts';
import type { PodNames, PodSource } from './names.ts';

export interface PodNaming {
  /** The first process of a container in a pod. */
  learn(container: Container, pod: Pod): void;
  /** An answer may come soon. */
  isAwaited(container: Container): boolean;
  /** Completes nothing any more, and nobody waits. Idempotent. */
  close(): void;
}

export interface PodNamingOptions {
  /** The pod is known, or will not be soon. */
  onSettled(container: Container): void;
  /** So many are asked for already that this one goes without. */
  onSkipped(): void;
}

/** Containers that are asked for at a time; more go without. */
const MOST = 512;
/** Milliseconds after which nothing more is expected: the id of a container comes seconds after its first process. */
const PATIENCE = 10_000;

export function createPodNaming(source: PodSource, { onSettled, onSkipped }: PodNamingOptions): PodNaming {
  const awaited = new Set<Container>();
  let asked = 0;
  let isClosed = false;

  const settle = (container: Container) => {
    if (awaited.delete(container)) onSettled(container);
  };
  const ask = async (container: Container, pod: Pod): Promise<void> => {
    const until = performance.now() + PATIENCE;
    let names: PodNames | undefined;
    let isWorthIt = true;
    while (isWorthIt && !isComplete(names) && performance.now() < until) {
      isWorthIt = await source.ask(Math.max(1, Math.ceil(until - performance.now())));
      if (isClosed) return;
      names = source.find(pod.uid, container.id);
      apply(container, pod, names);
      // What follows is the container's name alone, which its runtime has as well.
      if (names && !names.isPending) settle(container);
    }
    settle(container);
  };
  return {
    learn(container, pod) {
      if (isClosed) return;
      const names = source.find(pod.uid, container.id);
      apply(container, pod, names);
      if (isComplete(names)) return;
      if (asked >= MOST) return onSkipped();
      if (!names || names.isPending || source.isAnswered) awaited.add(container);
      asked++;
      void ask(container, pod).finally(() => asked--);
    },
    isAwaited: (container) => awaited.has(container),
    close() {
      isClosed = true;
      awaited.clear();
    },
  };
}

function isComplete(names: PodNames | undefined): boolean {
  return names?.container !== undefined && !names.isPending;
}

function apply(container: Container, pod: Pod, names: PodNames | undefined): void {
  if (!names) return;
  pod.kubernetes = toPod(names);
  if (!names.container) return;
  const image = names.container.image === undefined ? undefined : parseImage(names.container.image);
  container.kubernetes = { name: names.container.name, imageName: image?.name, imageTags: image?.tags ?? [] };
}

function toPod({ pod, workload, serviceName }: PodNames): KubernetesPod {
  const { uid, name, namespace, node, labels, annotations } = pod;
  const serviceNamespace = annotations.get('resource.opentelemetry.io/service.namespace') || namespace;
  return { uid, name, namespace, node, workload, serviceName, serviceNamespace, labels, annotations };
}
