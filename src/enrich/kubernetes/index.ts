/**
 * What Kubernetes knows of the pods of this node, from the API server or from the kubelet, whichever may be asked.
 * Without either, the names that the runtime has remain.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Options } from '../../cli/options.ts';
import { StartError } from '../../errors.ts';
import type { Ledger } from '../../ledger.ts';
import type { Log } from '../../log.ts';
import type { ConnectionRecord } from '../../model.ts';
import { type Access, inClusterAccess, kubeconfigAccess } from './access.ts';
import { createApiSource, followPeers } from './api-source.ts';
import { faultOf, tellFault } from './faults.ts';
import { createApi } from './http.ts';
import { createKubelet } from './kubelet.ts';
import { namesOf, type PodSource } from './names.ts';
import type { Peers } from './peers.ts';
import { type Kept, wellKnown } from './pod.ts';
import { createPods } from './pods.ts';

export interface KubernetesOptions {
  /** `auto`: the API server where there is a service account or a kubeconfig, else the kubelet. */
  readonly source: 'auto' | 'api' | 'kubelet' | 'none';
  readonly kubeconfig: string | undefined;
  /** http://127.0.0.1:10255 */
  readonly kubeletEndpoint: string;
  /** PEM file that the kubelet's certificate is checked against. */
  readonly kubeletCertificate: string | undefined;
  readonly nodeName: string;
  /** Names of labels and annotations of pods that are shown. */
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  /** Whether addresses of the whole cluster are named. */
  readonly peers: boolean;
  readonly ledger: Ledger;
  readonly log: Log;
  /** A kubelet has been here, so that it is worth a word that it will be asked. */
  readonly isNode?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Kubernetes extends PodSource {
  readonly findPeer: Peers['find'];
}

/** From what the user gave. */
export function kubernetesOptions(options: Options, ledger: Ledger, log: Log): KubernetesOptions {
  return {
    source: options.kubernetes,
    kubeconfig: options.kubeconfig,
    kubeletEndpoint: options.kubeletEndpoint,
    kubeletCertificate: options.kubeletCertificate,
    nodeName: options.nodeName ?? hostname().toLowerCase(),
    labels: options.podLabels,
    annotations: options.podAnnotations,
    peers: options.kubernetesPeers,
    ledger,
    log,
    isNode: existsSync(join(options.hostRoot, 'var/lib/kubelet')),
  };
}

/** Completes records with who the other end is in the cluster. */
export function createClusterPeers(kubernetes: Kubernetes | undefined): (record: ConnectionRecord) => void {
  if (!kubernetes) return () => undefined;
  return (record) => {
    const peer = kubernetes.findPeer(record.peerAddress);
    if (peer) record.clusterPeer = peer;
  };
}

/** Milliseconds for an answer. */
const DEADLINE = 10_000;

/** Undefined: nobody is to be asked. Throws a StartError when what was asked for can't be had. */
export function createKubernetes(options: KubernetesOptions): Kubernetes | undefined {
  if (options.source === 'none') return undefined;
  const { kind, access } = kubernetesAccess(options);
  return kind === 'api' ? fromApi(access, options) : fromKubelet(access, options);
}

/** Who is to be asked, and how. Throws a StartError when what was asked for can't be had. */
export function kubernetesAccess(options: KubernetesOptions): { kind: 'api' | 'kubelet'; access: Access } {
  const { source } = options;
  const access = source === 'kubelet' ? undefined : apiAccess(options);
  if (access) return { kind: 'api', access };
  if (source === 'api')
    throw new StartError(
      '--kubernetes api: there is no service account here, and no --kubeconfig',
      'give --kubeconfig FILE, or run in a pod that has a service account',
    );
  if (options.peers)
    throw new StartError(
      '--kubernetes-peers needs the API server, and there is neither a service account nor --kubeconfig',
      'give --kubeconfig FILE, or run in a pod that has a service account',
    );
  return { kind: 'kubelet', access: kubeletAccess(options) };
}

function apiAccess({ kubeconfig, env = process.env }: KubernetesOptions): Access | undefined {
  return kubeconfig === undefined ? inClusterAccess(env) : kubeconfigAccess(kubeconfig);
}

function keptBy({ labels, annotations }: KubernetesOptions): Kept {
  return {
    labels: new Set([...wellKnown.labels, ...labels]),
    annotations: new Set([...wellKnown.annotations, ...annotations]),
  };
}

function fromApi(access: Access, options: KubernetesOptions): Kubernetes {
  const { nodeName, ledger, log } = options;
  const api = createApi(access, { deadline: DEADLINE });
  const end = new AbortController();
  const teller = { ledger, log, server: access.server, signal: end.signal };
  const source = createApiSource(api, { nodeName, kept: keptBy(options), teller });
  const peers = options.peers ? followPeers(api, teller) : undefined;
  return {
    ...source,
    findPeer: (address) => peers?.find(address),
    close() {
      end.abort();
      api.close();
    },
  };
}

function fromKubelet(access: Access, options: KubernetesOptions): Kubernetes {
  const { ledger, log, kubeletEndpoint: server } = options;
  const api = createApi(access, { deadline: DEADLINE });
  const pods = createPods();
  const end = new AbortController();
  const teller = { ledger, log, server, isOptional: options.source === 'auto', signal: end.signal };
  const kubelet = createKubelet(api, pods, {
    kept: keptBy(options),
    signal: end.signal,
    onFault: (error) => tellFault(teller, 'pods of this node', faultOf(error), error.message),
  });
  const find: PodSource['find'] = (uid, containerId) => namesOf(pods.find(uid, containerId), containerId);
  return {
    description: options.source === 'kubelet' || options.isNode ? `from the kubelet at ${server}` : '',
    find,
    isAnswered: true,
    ask: () => kubelet.refresh(),
    findPeer: () => undefined,
    close() {
      end.abort();
      api.close();
    },
  };
}

/** The service account's token, where there is one: the port without TLS asks for none. */
function kubeletAccess({ kubeletEndpoint, kubeletCertificate, env = process.env }: KubernetesOptions): Access {
  const account = kubeletEndpoint.startsWith('https:') ? inClusterAccess(env) : undefined;
  return {
    server: kubeletEndpoint.replace(/\/+$/, ''),
    credentials() {
      const { token, ca } = account?.credentials() ?? {};
      return { token, ca: kubeletCertificate === undefined ? ca : readFileSync(kubeletCertificate, 'utf8') };
    },
  };
}
