/** Who and where the other end is. */
import type { ClusterPeer, ConnectionRecord, PodDetails, Workload } from '../../model.ts';
import { type Attribute, define, filled } from './attribute.ts';
import { namedPod } from './resource.ts';

const PEERS = 'with --kubernetes-peers, where the address is';

const ON_HOST = 'the other end is on this host and was seen';

/** Who is at the other end, when that is on this host. */
export const hostPeer: readonly Attribute<ConnectionRecord>[] = [
  define('sockflow.peer.process.pid', 'int', 'Process at the other end', ON_HOST, (record) => record.peerProcess?.pid),
  define(
    'sockflow.peer.process.executable.name',
    'string',
    'Last part of the path of its executable',
    ON_HOST,
    (record) => filled(record.peerProcess?.executableName),
  ),
  define(
    'sockflow.peer.container.id',
    'string',
    'The container that it is in',
    `${ON_HOST}, in a container`,
    (record) => record.peerProcess?.container?.id,
  ),
  define(
    'sockflow.peer.container.name',
    'string',
    'Name of that container',
    `${ON_HOST}, in a container that a runtime knows`,
    (record) => filled(record.peerProcess?.container?.details?.name),
  ),
];

/** The pod at the other end: that of the process, when it is on this host. */
function peerPod(record: ConnectionRecord): PodDetails | undefined {
  return peerOfKind(record, 'pod') ?? namedPod(record.peerProcess?.pod);
}

export const clusterPeer: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.peer.k8s.pod.name',
    'string',
    'The pod that has the address of the other end',
    `${PEERS} a pod's; or ${ON_HOST}, in a pod`,
    (record) => peerPod(record)?.name,
  ),
  define(
    'sockflow.peer.k8s.service.name',
    'string',
    'The service that was dialled',
    `${PEERS} a service's`,
    (record) => peerOfKind(record, 'service')?.name,
  ),
  define(
    'sockflow.peer.k8s.namespace.name',
    'string',
    'Namespace of that pod or service',
    `${PEERS} theirs; or ${ON_HOST}, in a pod`,
    (record) => {
      const found = record.clusterPeer;
      return found && 'namespace' in found ? found.namespace : peerPod(record)?.namespace;
    },
  ),
  define(
    'sockflow.peer.k8s.node.name',
    'string',
    'The node that has the address: any of its pods on the host network may be the other end',
    `${PEERS} a node's`,
    (record) => filled(peerOfKind(record, 'node')?.name),
  ),
  ...(['deployment', 'replicaset', 'statefulset', 'daemonset', 'job', 'cronjob'] as const).map((kind) =>
    define(
      `sockflow.peer.k8s.${kind}.name`,
      'string',
      `The ${kind} that owns that pod`,
      `${PEERS} a pod's, where there is one`,
      (record: ConnectionRecord) => peerWorkload(record)?.[kind],
    ),
  ),
];

function peerOfKind<Kind extends ClusterPeer['kind']>(
  { clusterPeer: found }: ConnectionRecord,
  kind: Kind,
): Extract<ClusterPeer, { kind: Kind }> | undefined {
  return found?.kind === kind ? (found as Extract<ClusterPeer, { kind: Kind }>) : undefined;
}

function peerWorkload(record: ConnectionRecord): Workload | undefined {
  return peerOfKind(record, 'pod')?.workload;
}

const GEOIP = 'a public peer, with --geoip, where the file knows it';

/** Of the address of the other end. `geo.*` is the peer's, always. */
export const peer: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.peer.network.name',
    'string',
    "The user's name for the network of the other end",
    'with --cidr-name, where one fits',
    ({ place }) => place?.network,
  ),
  define('network.peer.as.number', 'int', 'Autonomous system of the peer', GEOIP, ({ place }) => place?.asNumber),
  define(
    'network.peer.as.organization',
    'string',
    'Who runs that autonomous system',
    GEOIP,
    ({ place }) => place?.asOrganization,
  ),
  define('geo.continent.code', 'string', 'Continent of the peer', GEOIP, ({ place }) => place?.continent),
  define('geo.country.iso_code', 'string', 'Country of the peer', GEOIP, ({ place }) => place?.country),
  define('geo.region.iso_code', 'string', 'Part of that country', GEOIP, ({ place }) => place?.region),
  define('geo.locality.name', 'string', 'City of the peer', GEOIP, ({ place }) => place?.city),
];
