/**
 * Whose address that is, in the whole cluster: pods, services, nodes. Held for every pod, so each takes as little as it
 * can.
 */
import type { ClusterPeer as Peer } from '../../model.ts';
import { fieldsOf, listOf, textOf } from '../json.ts';
import type { Pod } from './pod.ts';
import { workloadOf } from './workload.ts';

export interface Service {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
}

export interface Peers {
  find(address: string): Peer | undefined;
  readonly size: number;
  readonly pods: Keeper<Pod>;
  readonly services: Keeper<Service>;
}

export interface Keeper<Item> {
  replace(items: readonly Item[]): void;
  put(item: Item): void;
  remove(item: Item): void;
}

export function createPeers(): Peers {
  const pods = createTable<Pod>(addressesOf, peerOf);
  const nodes = createNodes();
  const services = createTable<Service>(({ addresses }) => addresses, serviceOf);
  return {
    find: (address) => pods.find(address) ?? nodes.find(address) ?? services.find(address),
    get size() {
      return pods.size + nodes.size + services.size;
    },
    pods: {
      replace(all) {
        pods.replace(all.filter((pod) => !pod.isOnHostNetwork));
        nodes.replace(all.filter((pod) => pod.isOnHostNetwork));
      },
      put: (pod) => (pod.isOnHostNetwork ? nodes : pods).put(pod),
      remove: (pod) => (pod.isOnHostNetwork ? nodes : pods).remove(pod),
    },
    services,
  };
}

/** One that is over keeps its address in the list until it is deleted, when another has it. */
function addressesOf(pod: Pod): readonly string[] {
  return pod.isOver ? [] : pod.addresses;
}

function peerOf(pod: Pod): Peer {
  return { kind: 'pod', name: pod.name, namespace: pod.namespace, workload: workloadOf(pod) };
}

function serviceOf({ name, namespace }: Service): Peer {
  return { kind: 'service', name, namespace };
}

/** Addresses of nodes, each as long as some pod on the host network has it. */
function createNodes(): Table<Pod> {
  const byAddress = new Map<string, Map<string, Peer>>();
  const held = new Map<string, readonly string[]>();

  const remove = ({ uid }: Pod) => {
    for (const address of held.get(uid) ?? []) {
      const pods = byAddress.get(address);
      pods?.delete(uid);
      if (pods?.size === 0) byAddress.delete(address);
    }
    held.delete(uid);
  };
  const put = (pod: Pod) => {
    remove(pod);
    const addresses = addressesOf(pod);
    if (addresses.length > 0) held.set(pod.uid, addresses);
    for (const address of addresses) {
      const pods = byAddress.get(address) ?? new Map<string, Peer>();
      byAddress.set(address, pods.set(pod.uid, { kind: 'node', name: pod.node ?? '' }));
    }
  };
  return {
    find: (address) => byAddress.get(address)?.values().next().value,
    get size() {
      return held.size;
    },
    put,
    remove,
    replace(pods) {
      byAddress.clear();
      held.clear();
      for (const pod of pods) put(pod);
    },
  };
}

interface Table<Item> extends Keeper<Item> {
  find(address: string): Peer | undefined;
  readonly size: number;
}

function createTable<Item extends { readonly uid: string }>(
  addresses: (item: Item) => readonly string[],
  peer: (item: Item) => Peer,
): Table<Item> {
  /** Uids, since an address goes from one to the next, and the news of both may come in any order. */
  const holders = new Map<string, { readonly uid: string; readonly peer: Peer }>();
  const held = new Map<string, readonly string[]>();

  const remove = ({ uid }: { readonly uid: string }) => {
    for (const address of held.get(uid) ?? []) if (holders.get(address)?.uid === uid) holders.delete(address);
    held.delete(uid);
  };
  const put = (item: Item) => {
    remove(item);
    const all = addresses(item);
    if (all.length === 0) return;
    held.set(item.uid, all);
    const holder = { uid: item.uid, peer: peer(item) };
    for (const address of all) holders.set(address, holder);
  };
  return {
    find: (address) => holders.get(address)?.peer,
    get size() {
      return held.size;
    },
    put,
    remove,
    replace(items) {
      holders.clear();
      held.clear();
      for (const item of items) put(item);
    },
  };
}

/** Undefined: that is no service. */
export function parseService(object: unknown): Service | undefined {
  const { metadata, spec, status } = fieldsOf(object);
  const { uid, name, namespace } = fieldsOf(metadata);
  const known = { uid: textOf(uid), name: textOf(name), namespace: textOf(namespace) };
  if (!known.uid || !known.name || !known.namespace) return undefined;
  const { clusterIP, clusterIPs, externalIPs } = fieldsOf(spec);
  const ingress = listOf(fieldsOf(fieldsOf(status).loadBalancer).ingress).map(({ ip }) => ip);
  const all = [clusterIP, ...textsOf(clusterIPs), ...textsOf(externalIPs), ...ingress].map(textOf);
  // A headless service has the word None for an address.
  const addresses = [...new Set(all.filter((address) => address !== undefined && address !== 'None'))] as string[];
  return { uid: known.uid, name: known.name, namespace: known.namespace, addresses };
}

function textsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
