/** Pods, as the API server and the kubelet list them, cut down to what is shown. */
import { type Fields, fieldsOf, listOf, textOf } from '../json.ts';

export interface Pod {
  readonly uid: string;
  /** Hash of the manifest of a static pod: it stands in for the uid in the names of its cgroups. */
  readonly configHash: string | undefined;
  readonly name: string;
  readonly namespace: string;
  readonly node: string | undefined;
  readonly owner: Owner | undefined;
  /** Milliseconds, as Date.now(). */
  readonly created: number | undefined;
  /** Only those that were asked for, and those that names are made of. */
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly addresses: readonly string[];
  /** It uses the addresses of its node, as others do. */
  readonly isOnHostNetwork: boolean;
  /** All of its containers have ended for good: its addresses may be somebody else's. */
  readonly isOver: boolean;
  /** By id; init and ephemeral containers, too. */
  readonly containers: ReadonlyMap<string, PodContainer>;
}

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

export interface PodContainer {
  readonly name: string;
  /** Reference of its image, as far as it is known. */
  readonly image: string | undefined;
}

/** Names of labels and annotations that are kept. */
export interface Kept {
  readonly labels: ReadonlySet<string>;
  readonly annotations: ReadonlySet<string>;
}

/** Labels and annotations that the conventions, or the names of workloads, are made of. */
export const wellKnown: Kept = {
  labels: new Set(['app.kubernetes.io/instance', 'app.kubernetes.io/name', 'pod-template-hash']),
  annotations: new Set(['resource.opentelemetry.io/service.name', 'resource.opentelemetry.io/service.namespace']),
};

/** Undefined: that is no pod. */
export function parsePod(object: unknown, kept: Kept): Pod | undefined {
  const { metadata, spec, status } = fieldsOf(object);
  const { uid, name, namespace, labels, annotations, creationTimestamp, ownerReferences } = fieldsOf(metadata);
  const known = { uid: textOf(uid), name: textOf(name), namespace: textOf(namespace) };
  if (!known.uid || !known.name || !known.namespace) return undefined;
  const { phase } = fieldsOf(status);
  return {
    uid: known.uid,
    configHash: textOf(fieldsOf(annotations)['kubernetes.io/config.hash']),
    name: known.name,
    namespace: known.namespace,
    node: textOf(fieldsOf(spec).nodeName),
    owner: parseOwner(ownerReferences),
    created: parseTime(creationTimestamp),
    labels: keep(labels, kept.labels),
    annotations: keep(annotations, kept.annotations),
    addresses: parseAddresses(fieldsOf(status)),
    isOnHostNetwork: fieldsOf(spec).hostNetwork === true,
    isOver: phase === 'Succeeded' || phase === 'Failed',
    containers: parseContainers(fieldsOf(spec), fieldsOf(status)),
  };
}

/** The one that manages it; a pod may belong to others as well. */
export function parseOwner(references: unknown): Owner | undefined {
  const owner = listOf(references).find((reference) => reference.controller === true);
  const kind = textOf(owner?.kind);
  const name = textOf(owner?.name);
  return kind && name ? { kind, name } : undefined;
}

function parseTime(value: unknown): number | undefined {
  const time = Date.parse(textOf(value) ?? '');
  return Number.isNaN(time) ? undefined : time;
}

function keep(all: unknown, names: ReadonlySet<string>): ReadonlyMap<string, string> {
  const fields = fieldsOf(all);
  const kept = new Map<string, string>();
  for (const name of names) {
    if (Object.hasOwn(fields, name) && typeof fields[name] === 'string') kept.set(name, fields[name]);
  }
  return kept;
}

function parseAddresses({ podIP, podIPs }: { readonly podIP?: unknown; readonly podIPs?: unknown }): readonly string[] {
  const all = [textOf(podIP), ...listOf(podIPs).map(({ ip }) => textOf(ip))];
  return [...new Set(all.filter((address) => address !== undefined))];
}

const statusKinds = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'];
const specKinds = ['containers', 'initContainers', 'ephemeralContainers'];

/** Those that were started: the others have no id yet. */
function parseContainers(spec: Fields, status: Fields): ReadonlyMap<string, PodContainer> {
  const found = new Map<string, PodContainer>();
  const asked = new Map(
    specKinds.flatMap((kind) => listOf(spec[kind])).map(({ name, image }) => [name, textOf(image)] as const),
  );
  for (const { name, containerID, image, lastState } of statusKinds.flatMap((kind) => listOf(status[kind]))) {
    const known = textOf(name);
    if (!known) continue;
    const container = { name: known, image: chooseImage(textOf(image), asked.get(known)) };
    // The one before a restart is still shown in the records of its processes.
    const before = fieldsOf(fieldsOf(lastState).terminated).containerID;
    for (const id of [before, containerID].map(idOf)) if (id) found.set(id, container);
  }
  return found;
}

/** The status may have the bare id of an image, which names nothing. */
function chooseImage(resolved: string | undefined, asked: string | undefined): string | undefined {
  return resolved === undefined || /^(sha256:)?[0-9a-f]{64}$/.test(resolved) ? asked : resolved;
}

/** `containerd://ID` */
function idOf(reference: unknown): string | undefined {
  return textOf(reference)?.replace(/^[^/]*:\/\//, '');
}
