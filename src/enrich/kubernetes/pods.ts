/** The pods of this node, by what the kernel knows of their processes. */
import type { Pod } from './pod.ts';

export interface Pods {
  /** By the uid in the name of a cgroup, which is a hash for static pods, or by the id of a container. */
  find(uid: string | undefined, containerId: string | undefined): Pod | undefined;
  replace(pods: readonly Pod[]): void;
  put(pod: Pod): void;
  remove(pod: Pod): void;
}

/** Records of a pod may come after its end: it is remembered so long, in milliseconds. */
const MEMORY = 120_000;
const MOST_GONE = 1_000;

export function createPods(now: () => number = Date.now): Pods {
  const byUid = new Map<string, Pod>();
  const byContainer = new Map<string, Pod>();
  /** Uids of those that have gone, oldest first, and when. */
  const gone = new Map<string, number>();

  const keysOf = ({ uid, configHash }: Pod) => (configHash === undefined ? [uid] : [uid, configHash]);
  const forget = (pod: Pod) => {
    for (const key of keysOf(pod)) if (byUid.get(key) === pod) byUid.delete(key);
    for (const id of pod.containers.keys()) if (byContainer.get(id) === pod) byContainer.delete(id);
  };
  const sweep = () => {
    for (const [uid, time] of gone) {
      if (gone.size <= MOST_GONE && now() - time < MEMORY) return;
      gone.delete(uid);
      const pod = byUid.get(uid);
      if (pod) forget(pod);
    }
  };
  const put = (pod: Pod) => {
    const before = byUid.get(pod.uid);
    if (before) forget(before);
    gone.delete(pod.uid);
    for (const key of keysOf(pod)) byUid.set(key, pod);
    for (const id of pod.containers.keys()) byContainer.set(id, pod);
  };
  const remove = ({ uid }: Pod) => {
    if (byUid.has(uid) && !gone.has(uid)) gone.set(uid, now());
    sweep();
  };

  return {
    find: (uid, containerId) =>
      (uid === undefined ? undefined : byUid.get(uid)) ??
      (containerId === undefined ? undefined : byContainer.get(containerId)),
    put,
    remove,
    replace(pods) {
      const uids = new Set(pods.map(({ uid }) => uid));
      for (const pod of new Set(byUid.values())) if (!uids.has(pod.uid)) remove(pod);
      for (const pod of pods) put(pod);
      sweep();
    },
  };
}
