/** What a pod belongs to, and what its processes are called by the conventions. */
import type { Workload } from '../../model.ts';
import type { Owner, Pod } from './pod.ts';

/** Who owns an owner: undefined when nobody does, `unknown` when that could not be asked. */
export type OwnerOf = (kind: 'ReplicaSet' | 'Job', namespace: string, name: string) => Owner | undefined | 'unknown';

const unasked: OwnerOf = () => 'unknown';

export function workloadOf(pod: Pod, ownerOf: OwnerOf = unasked): Workload {
  const { owner, namespace } = pod;
  switch (owner?.kind) {
    case 'ReplicaSet': {
      const next = ownerOf('ReplicaSet', namespace, owner.name);
      return named('replicaset', owner, 'deployment', next === 'unknown' ? deploymentBySign(pod, owner) : next);
    }
    case 'Job': {
      const next = ownerOf('Job', namespace, owner.name);
      return named('job', owner, 'cronjob', next === 'unknown' ? cronJobBySign(pod, owner) : next);
    }
    case 'StatefulSet':
      return { statefulset: owner.name };
    case 'DaemonSet':
      return { daemonset: owner.name };
    default:
      return {};
  }
}

function named(
  near: 'replicaset' | 'job',
  owner: Owner,
  far: 'deployment' | 'cronjob',
  next: Owner | undefined,
): Workload {
  // Others own ReplicaSets and Jobs, too.
  const isExpected = next?.kind.toLowerCase() === far;
  return { [near]: owner.name, ...(isExpected ? { [far]: next.name } : {}) };
}

/** A Deployment calls its ReplicaSets by its own name and the hash that it puts on their pods; nobody else does both. */
function deploymentBySign(pod: Pod, { name }: Owner): Owner | undefined {
  const suffix = `-${pod.labels.get('pod-template-hash') ?? ''}`;
  if (suffix.length === 1 || !name.endsWith(suffix) || name.length === suffix.length) return undefined;
  return { kind: 'Deployment', name: name.slice(0, -suffix.length) };
}

const DAY = 86_400_000;

/**
 * A CronJob calls its Jobs by its own name and the minute since 1970 that they were due. A date in a name is not taken for
 * such a number, since the pod would have been made years away from it.
 */
function cronJobBySign({ created }: Pod, { name }: Owner): Owner | undefined {
  const [, cronJob, minute] = /^(.+)-(\d{8,9})$/.exec(name) ?? [];
  if (!cronJob || created === undefined) return undefined;
  const late = created - Number(minute) * 60_000;
  return late > -DAY && late < 30 * DAY ? { kind: 'CronJob', name: cronJob } : undefined;
}

/** `service.name`, in the order of the conventions; `container` is the name of the container. */
export function serviceNameOf(pod: Pod, workload: Workload, container: string | undefined): string {
  const { deployment, replicaset, statefulset, daemonset, cronjob, job } = workload;
  return (
    filled(pod.annotations.get('resource.opentelemetry.io/service.name')) ??
    filled(pod.labels.get('app.kubernetes.io/instance')) ??
    filled(pod.labels.get('app.kubernetes.io/name')) ??
    deployment ??
    replicaset ??
    statefulset ??
    daemonset ??
    cronjob ??
    job ??
    filled(pod.name) ??
    container ??
    ''
  );
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
