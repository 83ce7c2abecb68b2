/**
 * Every name that sockflow emits, and how its value is read: one table for OTLP, JSON, the terminal and the docs.
 * Conventions 1.45.0; what they don't have is under `sockflow.*`. The file is long because it is the table.
 */
import type {
  Attribution,
  CloseReason,
  ClusterPeer,
  ConnectionRecord,
  Container,
  ContainerDetails,
  ErrorType,
  EventName,
  LookupRecord,
  Pod,
  PodDetails,
  Process,
  Role,
  Transport,
  Workload,
} from '../model.ts';
import { ascii, formatTime, secondsBetween, TIME_LENGTH, writeHex16, writeHexTime, writeTime } from './time.ts';

export const schemaUrl = 'https://opentelemetry.io/schemas/1.45.0';
export const scopeName = 'sockflow';

export type AttributeValue = string | number | boolean | readonly string[];
export type AttributeType = 'string' | 'int' | 'double' | 'boolean' | 'string[]';

/** One attribute of `Source`: its key, what it means, when it is there and how it is read. */
export interface Attribute<Source> {
  readonly key: string;
  readonly type: AttributeType;
  readonly description: string;
  /** When it is present, in words. */
  readonly when: string;
  /** The value, or undefined when the attribute is absent. Never throws. */
  readonly read: (source: Source) => AttributeValue | undefined;
  /** All values that it can have, when they are few. */
  readonly values?: readonly string[];
  /** Puts the text that `read` returns into bytes, where making a string first would cost more than all the rest. */
  readonly text?: AsciiText<Source>;
}

/** A text that is always there, always of the same length and always ASCII. */
export interface AsciiText<Source> {
  readonly length: number;
  readonly write: (source: Source, target: Uint8Array, at: number) => void;
}

/** The host and the agent on it: what every resource says. See host.ts. */
export interface Host {
  /** Content of /etc/machine-id; undefined when there is none. */
  readonly id: string | undefined;
  readonly name: string;
  readonly agentVersion: string;
}

type Value = { string: string; int: number; double: number; boolean: boolean; 'string[]': readonly string[] };

/** Makes an attribute whose `read` the compiler checks against its type. */
function define<Source, Type extends keyof Value>(
  key: string,
  type: Type,
  description: string,
  when: string,
  read: (source: Source) => Value[Type] | undefined,
): Attribute<Source> {
  return { key, type, description, when, read };
}

/** Makes an attribute that has one of a few values. */
function oneOf<Source, Value extends string>(
  key: string,
  values: readonly Value[],
  description: string,
  when: string,
  read: (source: Source) => Value | undefined,
): Attribute<Source> {
  return { key, type: 'string', description, when, read, values };
}

/** Makes an attribute whose text is written straight into bytes. */
function written<Source>(key: string, description: string, when: string, text: AsciiText<Source>): Attribute<Source> {
  const read = (source: Source) => ascii(text.length, (target) => text.write(source, target, 0));
  return { key, type: 'string', description, when, read, text };
}

// ---------------------------------------------------------------- resource

/** Same on each resource of this agent. */
export const hostAttributes: readonly Attribute<Host>[] = [
  define('host.id', 'string', 'Machine id of the host', '/etc/machine-id is there', (host) => host.id),
  define('host.name', 'string', 'Name of the host', 'always', (host) => host.name),
  define('os.type', 'string', 'Operating system', 'always', () => 'linux'),
  define('telemetry.distro.name', 'string', 'The agent', 'always', () => 'sockflow'),
  define('telemetry.distro.version', 'string', 'Version of the agent', 'always', (host) => host.agentVersion),
];

/** `service.name` where nobody knows the process. */
export const unknownService = 'unknown_service';

const IN_CONTAINER = 'in a container';
const ANSWERED = 'in a container, when its runtime has answered';
const COMPOSE = 'a container of Compose, when its runtime has answered';

const containerAttributes: readonly Attribute<Process>[] = [
  define('container.id', 'string', 'Id of the container', IN_CONTAINER, ({ container }) => container?.id),
  define(
    'container.runtime.name',
    'string',
    'docker, podman, containerd, cri-o, lxc, systemd-nspawn or nomad',
    `${IN_CONTAINER}, as far as its cgroup or its runtime tells`,
    ({ container }) => container?.runtime ?? container?.details?.runtime,
  ),
  define('container.name', 'string', 'Name of the container', ANSWERED, ({ container }) =>
    filled(container?.details?.name),
  ),
  define(
    'container.image.name',
    'string',
    'Registry and repository of its image, without the tag',
    ANSWERED,
    ({ container }) => filled(imageOf(container)?.imageName),
  ),
  define(
    'container.image.tags',
    'string[]',
    'Tags of its image, as it was asked for',
    `${ANSWERED}, and a tag was asked for`,
    ({ container }) => (imageOf(container)?.imageTags?.length ? imageOf(container)?.imageTags : undefined),
  ),
  define('sockflow.container.compose.project', 'string', 'Its Compose project', COMPOSE, ({ container }) =>
    filled(container?.details?.composeProject),
  ),
  define('sockflow.container.compose.service', 'string', 'Its Compose service', COMPOSE, ({ container }) =>
    filled(container?.details?.composeService),
  ),
];

/** Of the runtime, since it is the one that runs; Kubernetes' where the runtime did not say. */
function imageOf(container: Container | undefined): Pick<ContainerDetails, 'imageName' | 'imageTags'> | undefined {
  return container?.details?.imageName ? container.details : container?.kubernetes;
}

const POD_KNOWN = 'in a pod, when its runtime or Kubernetes has answered';
const KUBERNETES = 'in a pod, when Kubernetes has answered';

const podAttributes: readonly Attribute<Process>[] = [
  define('k8s.pod.uid', 'string', 'UID of the pod', 'in a pod', ({ pod }) => pod?.kubernetes?.uid ?? pod?.uid),
  define('k8s.pod.name', 'string', 'Name of the pod', POD_KNOWN, ({ pod }) => namedPod(pod)?.name),
  define('k8s.namespace.name', 'string', 'Namespace of the pod', POD_KNOWN, ({ pod }) => namedPod(pod)?.namespace),
  define('k8s.container.name', 'string', 'Name of the container in its pod', POD_KNOWN, ({ container }) =>
    filled(container?.details?.podContainerName ?? container?.kubernetes?.name),
  ),
  define('k8s.node.name', 'string', 'Name of its node', KUBERNETES, ({ pod }) => pod?.kubernetes?.node),
  ...(['deployment', 'replicaset', 'statefulset', 'daemonset', 'job', 'cronjob'] as const).map((kind) =>
    define(
      `k8s.${kind}.name`,
      'string',
      `The ${kind} that owns its pod`,
      `${KUBERNETES}, where there is one`,
      (process: Process) => process.pod?.kubernetes?.workload[kind],
    ),
  ),
];

function namedPod(pod: Pod | undefined): PodDetails | undefined {
  return pod?.kubernetes ?? pod?.details;
}

/** The observed process. */
export const resourceAttributes: readonly Attribute<Process>[] = [
  define(
    'service.name',
    'string',
    "By the conventions' rules for pods; else the name of the executable",
    'always',
    (process) => serviceName(process),
  ),
  define('service.namespace', 'string', "By the conventions' rules for pods", KUBERNETES, ({ pod }) =>
    filled(pod?.kubernetes?.serviceNamespace),
  ),
  define('process.pid', 'int', 'Process id', 'process known', (process) => process.pid),
  define('process.creation.time', 'string', 'When the process began', 'process known', (process) =>
    process.startTime > 0n ? formatTime(process.startTime) : undefined,
  ),
  define('process.executable.name', 'string', 'Last part of the path of the executable', 'process known', (process) =>
    filled(process.executableName),
  ),
  define('process.executable.path', 'string', 'Path of the executable', 'not for kernel threads', (process) =>
    filled(process.executablePath),
  ),
  define('process.parent_pid', 'int', 'Process id of the parent', 'process known', (process) => process.parentPid),
  define('process.owner', 'string', 'Name of the user', 'user has a name', (process) => filled(process.userName)),
  define('process.user.id', 'int', 'Effective user id', 'process known', (process) => process.userId),
  define('process.user.name', 'string', 'Name of the effective user', 'user has a name', (process) =>
    filled(process.userName),
  ),
  define('sockflow.process.group.id', 'int', 'Effective group id', 'process known', (process) => process.groupId),
  define('sockflow.process.group.name', 'string', 'Name of the effective group', 'group has a name', (process) =>
    filled(process.groupName),
  ),
  define(
    'sockflow.process.parent.executable.name',
    'string',
    "Last part of the path of the parent's executable",
    'parent known',
    (process) => filled(process.parentExecutableName),
  ),
  define(
    'sockflow.process.parent.executable.path',
    'string',
    "Path of the parent's executable",
    'parent known and no kernel thread',
    (process) => filled(process.parentExecutablePath),
  ),
  define('sockflow.process.parent.user.name', 'string', "Name of the parent's user", 'user has a name', (process) =>
    filled(process.parentUserName),
  ),
  ...containerAttributes,
  ...podAttributes,
  define(
    'sockflow.systemd.unit',
    'string',
    'The service it belongs to',
    'in a service, and in no container',
    (process) => process.systemdUnit,
  ),
];

/** Keys of labels and annotations that are shown. */
export interface ShownLabels {
  readonly containerLabels?: readonly string[];
  readonly podLabels?: readonly string[];
  readonly podAnnotations?: readonly string[];
}

/** Of a process, with the labels of its container and pod that were asked for. */
export function createResourceAttributes(shown: ShownLabels = {}): readonly Attribute<Process>[] {
  const { containerLabels = [], podLabels = [], podAnnotations = [] } = shown;
  const labels = containerLabels.map((key) =>
    define(
      `container.label.${key}`,
      'string',
      'Label of the container',
      `with --container-labels, ${ANSWERED}`,
      ({ container }: Process) => container?.details?.labels?.[key],
    ),
  );
  const ofPod = (kind: 'label' | 'annotation', keys: readonly string[]) =>
    keys.map((key) =>
      define(
        `k8s.pod.${kind}.${key}`,
        'string',
        `${kind === 'label' ? 'Label' : 'Annotation'} of the pod`,
        `with --pod-${kind}s, ${KUBERNETES}`,
        ({ pod }: Process) => pod?.kubernetes?.[`${kind}s`].get(key),
      ),
    );
  return [...resourceAttributes, ...labels, ...ofPod('label', podLabels), ...ofPod('annotation', podAnnotations)];
}

/** `service.name` of a process: on its resource, and as a metric attribute. */
export function serviceName(process: Process | undefined): string {
  return filled(process?.pod?.kubernetes?.serviceName) ?? filled(process?.executableName) ?? unknownService;
}

/** A socket without a port has none, not port 0. */
function portOf(port: number): number | undefined {
  return port === 0 ? undefined : port;
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

// ---------------------------------------------------------------- log records

/** Names of the events. */
export const eventNames: Readonly<Record<EventName, string>> = {
  open: 'sockflow.connection.open',
  update: 'sockflow.connection.update',
  close: 'sockflow.connection.close',
  failed: 'sockflow.connection.failed',
  retransmit: 'sockflow.connection.retransmit',
  reset: 'sockflow.connection.reset',
  drop: 'sockflow.connection.drop',
  dns: 'sockflow.dns.lookup',
};

/** Names of the events of a UDP conversation. */
export const flowEventNames = {
  update: 'sockflow.flow.update',
  close: 'sockflow.flow.close',
} as const satisfies Partial<Record<EventName, string>>;

export function eventName({ event, transport }: { event: EventName; transport: Transport }): string {
  if (transport === 'udp' && (event === 'update' || event === 'close')) return flowEventNames[event];
  return eventNames[event];
}

/** How long it lasted, in seconds; of UDP from the first datagram to the last. Undefined when older than the agent. */
export function durationOf({ preExisting, startTime, lastTime, time }: ConnectionRecord): number | undefined {
  return preExisting ? undefined : Math.max(0, secondsBetween(startTime, lastTime ?? time));
}

/** What the client dialled, which is its peer unless the address is translated. */
function dialled({ natOriginal, peerAddress, peerPort }: ConnectionRecord): { address: string; port: number } {
  return natOriginal ?? { address: peerAddress, port: peerPort };
}

/** Port of the server; 0 when the role isn't known: then neither port is more than a number. */
export function serverPort(record: ConnectionRecord): number {
  if (record.role === 'unknown') return 0;
  return record.role === 'client' ? dialled(record).port : record.localPort;
}

/** 9 (INFO), or 13 (WARN) for what failed or was reset. */
export function severityNumber(record: ConnectionRecord | LookupRecord): 9 | 13 {
  const isTrouble = record.event === 'failed' || record.event === 'reset' || record.event === 'drop';
  return record.errorType !== undefined || isTrouble ? 13 : 9;
}

/** The conventional short name of a severity number. */
export const severityText = { 9: 'INFO', 13: 'WARN' } as const;

/** TCP states whose conventional name isn't the kernel's in lower case. */
const conventionalStates: Readonly<Record<string, string>> = {
  estab: 'established',
  syn_recv: 'syn_received',
  new_syn_recv: 'syn_received',
  fin_wait1: 'fin_wait_1',
  fin_wait2: 'fin_wait_2',
  close: 'closed',
};

const ID_LENGTH = 16;
const roleLetter = { client: 0x63, server: 0x73, unknown: 0x75 } as const;
const eventLetter = {
  open: 0x6f,
  update: 0x75,
  close: 0x63,
  failed: 0x66,
  retransmit: 0x74,
  reset: 0x72,
  drop: 0x64,
} as const;

/**
 * The same record has the same uid, however often it is sent: connection id, role, event, time and local port. The port
 * tells the two ends of a connection apart when both are on this host, are older than the agent (role unknown) and were
 * read in the same snapshot.
 */
const recordUid: AsciiText<ConnectionRecord> = {
  length: ID_LENGTH + 22,
  write(record, target, at) {
    for (let index = 0; index < ID_LENGTH; index++) target[at + index] = record.id.charCodeAt(index) & 127;
    target[at + 16] = roleLetter[record.role];
    target[at + 17] = eventLetter[record.event];
    writeHexTime(record.time, target, at + 18);
    writeHex16(record.localPort, target, at + 34);
  },
};

export interface RecordAttributesOptions {
  /** Inode number of the agent's network namespace: `sockflow.network.namespace` is left out for it. */
  readonly ownNetworkNamespace: number;
}

const isClient = (record: ConnectionRecord) => record.role === 'client';
const isServer = (record: ConnectionRecord) => record.role === 'server';
const isUnknown = (record: ConnectionRecord) => record.role === 'unknown';
const isTcp = (record: ConnectionRecord) => record.transport === 'tcp';
const isSummary = (record: ConnectionRecord) => record.event === 'close' || record.event === 'update';

const ROLE_KNOWN = 'role is client or server';
const ROLE_UNKNOWN = 'role is unknown';
const TCP_SUMMARY = 'close and update of TCP';
const DELTA = 'close and update, from the second record of a connection on';

const TCP_DETAILS = 'TCP, with --tcp-details';

/** What only few ask for, and would make every record a third longer. */
const tcpDetails: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.tcp.congestion.window',
    'int',
    'Congestion window, segments',
    TCP_DETAILS,
    ({ details }) => details?.congestionWindow,
  ),
  define('sockflow.tcp.mss', 'int', 'Maximum segment size, bytes', TCP_DETAILS, ({ details }) => details?.mss),
  define(
    'sockflow.tcp.delivery_rate',
    'int',
    'Bytes a second that reached the peer, as last measured',
    `${TCP_DETAILS}, when measured`,
    ({ details }) => details?.deliveryRate || undefined,
  ),
  define(
    'sockflow.tcp.unsent.bytes',
    'int',
    'Bytes that the process wrote and that are not sent',
    TCP_DETAILS,
    ({ details }) => details?.unsent,
  ),
  define(
    'sockflow.tcp.unacknowledged.bytes',
    'int',
    'Bytes that are sent and not acknowledged',
    TCP_DETAILS,
    ({ details }) => details?.unacknowledged,
  ),
  define(
    'sockflow.tcp.out_of_order',
    'int',
    'Segments received ahead of their turn',
    TCP_DETAILS,
    ({ details }) => details?.outOfOrder,
  ),
  define(
    'sockflow.tcp.zero_window',
    'int',
    "1 when the peer's window is closed at this moment, else 0",
    TCP_DETAILS,
    ({ details }) => details && Number(details.sendWindow === 0),
  ),
];

/** The attributes of a log record, in the order in which they are written. */
export function createRecordAttributes(options: RecordAttributesOptions): readonly Attribute<ConnectionRecord>[] {
  return [
    ...endpoints,
    interfaceName,
    ...peer,
    ...hostPeer,
    ...clusterPeer,
    ...connection,
    namespaceAttribute(options.ownNetworkNamespace),
    ...counters,
    ...tcp,
    uid,
  ];
}

const TRANSLATED = 'the address is translated in the network namespace of the socket';
const PEER = 'always, but for UDP peers that the table had no room for, in one record, and what a listener dropped';

const endpoints: readonly Attribute<ConnectionRecord>[] = [
  oneOf('network.transport', ['tcp', 'udp'], 'Transport protocol', 'always', (record) => record.transport),
  oneOf('network.type', ['ipv4', 'ipv6'], 'Network protocol', 'always', (record) => record.networkType),
  define('network.local.address', 'string', 'IP address of this end', 'not when a SYN was never sent', (record) =>
    filled(record.localAddress),
  ),
  define('network.local.port', 'int', 'Port of this end', 'bound', (record) => portOf(record.localPort)),
  define('network.peer.address', 'string', 'IP address of the other end', PEER, (record) => filled(record.peerAddress)),
  define('network.peer.port', 'int', 'Port of the other end', PEER, (record) => portOf(record.peerPort)),
  oneOf(
    'network.protocol.name',
    ['quic'],
    'Protocol above, recognised by what was said',
    'recognised',
    (record) => record.protocolName,
  ),
  define('client.address', 'string', 'Address of the end that began', ROLE_KNOWN, (record) =>
    isClient(record) ? filled(record.localAddress) : isServer(record) ? filled(record.peerAddress) : undefined,
  ),
  define('client.port', 'int', 'Port of the end that began', ROLE_KNOWN, (record) =>
    isClient(record) ? portOf(record.localPort) : isServer(record) ? portOf(record.peerPort) : undefined,
  ),
  define(
    'server.address',
    'string',
    'Address of the end that accepted; the name when it was looked up',
    ROLE_KNOWN,
    (record) => {
      if (isClient(record)) return record.peerName ?? dialled(record).address;
      return isServer(record) ? filled(record.localAddress) : undefined;
    },
  ),
  define('server.port', 'int', 'Port of the end that accepted', ROLE_KNOWN, (record) =>
    isClient(record) ? dialled(record).port : isServer(record) ? record.localPort : undefined,
  ),
  define('source.address', 'string', 'Address of this end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? filled(record.localAddress) : undefined,
  ),
  define('source.port', 'int', 'Port of this end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? portOf(record.localPort) : undefined,
  ),
  define('destination.address', 'string', 'Address of the other end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? filled(record.peerAddress) : undefined,
  ),
  define('destination.port', 'int', 'Port of the other end', ROLE_UNKNOWN, (record) =>
    isUnknown(record) ? portOf(record.peerPort) : undefined,
  ),
  define(
    'sockflow.nat.original.address',
    'string',
    'What this end takes for the address of its peer: for a client, what was dialled',
    TRANSLATED,
    (record) => record.natOriginal?.address,
  ),
  define('sockflow.nat.original.port', 'int', 'The port to it', TRANSLATED, (record) => record.natOriginal?.port),
];

const interfaceName = define(
  'network.interface.name',
  'string',
  'Network interface of its packets, as its network namespace calls it',
  'there was a route, and the interface is still there',
  (record: ConnectionRecord) => record.interfaceName,
);

const PEERS = 'with --kubernetes-peers, where the address is';

const ON_HOST = 'the other end is on this host and was seen';

/** Who is at the other end, when that is on this host. */
const hostPeer: readonly Attribute<ConnectionRecord>[] = [
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

const clusterPeer: readonly Attribute<ConnectionRecord>[] = [
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
const peer: readonly Attribute<ConnectionRecord>[] = [
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

const roles = ['client', 'server', 'unknown'] as const satisfies readonly Role[];
const attributions = [
  'open',
  'listener',
  'use',
  'release',
  'snapshot',
  'none',
] as const satisfies readonly Attribution[];
const closeReasons = [
  'fin_local',
  'fin_remote',
  'reset_local',
  'reset_remote',
  'timeout',
  'refused',
  'unreachable',
  'cancelled',
  'closed',
  'idle',
  'agent_stop',
] as const satisfies readonly CloseReason[];
const errorTypes = [
  'connection_refused',
  'timed_out',
  'host_unreachable',
  'network_unreachable',
  'address_not_available',
  'address_in_use',
  'permission_denied',
  'connection_reset',
  'connection_aborted',
  '_OTHER',
] as const satisfies readonly ErrorType[];

const connection: readonly Attribute<ConnectionRecord>[] = [
  define('network.connection.state', 'string', 'TCP state', 'update of TCP', (record) =>
    record.event === 'update' && isTcp(record) ? (conventionalStates[record.state] ?? record.state) : undefined,
  ),
  oneOf(
    'error.type',
    errorTypes,
    'How it failed; the same on both ends',
    'failed or reset',
    (record) => record.errorType,
  ),
  define('sockflow.connection.id', 'string', 'The same on both ends of a connection', 'always', (record) => record.id),
  oneOf('sockflow.connection.role', roles, 'Which end of it the record is of', 'always', (record) => record.role),
  define('sockflow.connection.pre_existing', 'boolean', 'Older than the agent', 'true only', (record) =>
    record.preExisting ? true : undefined,
  ),
  written('sockflow.connection.start_time', 'When the connection began', 'always', {
    length: TIME_LENGTH,
    write: (record, target, at) => writeTime(record.startTime, target, at),
  }),
  define(
    'sockflow.connection.duration',
    'double',
    'Seconds since it began; of UDP, from the first datagram to the last',
    'not when older than the agent',
    durationOf,
  ),
  oneOf(
    'sockflow.connection.close.reason',
    closeReasons,
    'Who or what ended it',
    'close and failed, but late ones without an error',
    (record) => record.closeReason,
  ),
  define(
    'sockflow.connection.close.late',
    'boolean',
    'The kernel hid its end: found later, so its time and duration are those of the finding',
    'true only',
    (record) => (record.end?.late ? true : undefined),
  ),
  oneOf(
    'sockflow.process.attribution',
    attributions,
    'Where its owner was learnt',
    'always',
    (record) => record.attribution,
  ),
];

function namespaceAttribute(own: number): Attribute<ConnectionRecord> {
  const description = 'Inode number of the network namespace';
  return define('sockflow.network.namespace', 'int', description, "not the agent's own", (record: ConnectionRecord) =>
    record.networkNamespace === own ? undefined : record.networkNamespace,
  );
}

const counters: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.connection.sent.bytes',
    'int',
    'Payload sent, without retransmissions',
    'always',
    (record) => record.sentBytes,
  ),
  define('sockflow.connection.received.bytes', 'int', 'Payload received', 'always', (record) => record.receivedBytes),
  define(
    'sockflow.connection.sent.packets',
    'int',
    'Segments or datagrams sent',
    'always',
    (record) => record.sentPackets,
  ),
  define(
    'sockflow.connection.received.packets',
    'int',
    'Segments or datagrams received',
    'always',
    (record) => record.receivedPackets,
  ),
  define('sockflow.connection.sent.bytes.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.sentBytes : undefined,
  ),
  define('sockflow.connection.received.bytes.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.receivedBytes : undefined,
  ),
  define('sockflow.connection.sent.packets.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.sentPackets : undefined,
  ),
  define('sockflow.connection.received.packets.delta', 'int', 'Since its last record', DELTA, (record) =>
    isSummary(record) ? record.deltas?.receivedPackets : undefined,
  ),
];

const tcp: readonly Attribute<ConnectionRecord>[] = [
  define(
    'sockflow.tcp.handshake.duration',
    'double',
    'SYN to SYN-ACK, seconds',
    'client, completed and seen',
    (record) => (isTcp(record) ? record.handshakeDuration : undefined),
  ),
  define('sockflow.tcp.rtt.smoothed', 'double', 'Smoothed round-trip time, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.smoothedRtt : undefined,
  ),
  define('sockflow.tcp.rtt.min', 'double', 'Least round-trip time, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.minRtt : undefined,
  ),
  define('sockflow.tcp.rtt.variation', 'double', 'Variation of it, seconds', 'TCP, when measured', (record) =>
    isTcp(record) ? record.rttVariation : undefined,
  ),
  define('sockflow.tcp.retransmits', 'int', 'Segments sent again', 'TCP', (record) =>
    isTcp(record) ? record.retransmits : undefined,
  ),
  define('sockflow.tcp.lost', 'int', 'Segments thought lost at this moment', 'TCP', (record) =>
    isTcp(record) ? record.lostSegments : undefined,
  ),
  define('sockflow.tcp.reordering', 'int', 'Reordering degree', 'TCP', (record) =>
    isTcp(record) ? record.reordering : undefined,
  ),
  define(
    'sockflow.tcp.retransmit.sequence',
    'int',
    'First byte of the segment that was sent again, counted from the SYN',
    'retransmit',
    (record) => record.retransmittedSequence,
  ),
  define(
    'sockflow.tcp.retransmit.segments',
    'int',
    'Segments that were sent again at once',
    'retransmit',
    (record) => record.retransmittedSegments,
  ),
  oneOf(
    'network.io.direction',
    ['transmit', 'receive'],
    'Whether the reset or the dropped segment was sent or received',
    'reset, drop',
    (record) => record.reset?.direction ?? record.drop?.direction,
  ),
  define(
    'sockflow.tcp.reset.reason',
    'string',
    "The kernel's reason for the reset that it sent",
    'reset, sent, Linux 6.10 or later',
    (record) => record.reset?.reason,
  ),
  define(
    'sockflow.tcp.drop.reason',
    'string',
    "The kernel's reason for dropping it; listen_queue: the listener had no room",
    'drop',
    (record) => record.drop?.reason,
  ),
  define('sockflow.tcp.drop.segments', 'int', 'Segments dropped at once', 'drop', (record) => record.drop?.segments),
  define(
    'sockflow.mptcp.id',
    'string',
    'The Multipath TCP connection that this one is a subflow of; the same on both ends',
    'MPTCP',
    (record) => record.mptcpId,
  ),
  ...tcpDetails,
  define('sockflow.tcp.busy', 'double', 'Seconds with data in flight', TCP_SUMMARY, (record) =>
    isTcp(record) && isSummary(record) ? record.busyTime : undefined,
  ),
  define(
    'sockflow.tcp.limited.receive_window',
    'double',
    "Seconds held up by the peer's window",
    TCP_SUMMARY,
    (record) => (isTcp(record) && isSummary(record) ? record.receiveWindowLimitedTime : undefined),
  ),
  define('sockflow.tcp.limited.send_buffer', 'double', 'Seconds held up by the send buffer', TCP_SUMMARY, (record) =>
    isTcp(record) && isSummary(record) ? record.sendBufferLimitedTime : undefined,
  ),
];

/** Those that are events. */
export function hasFailed({ errorType }: LookupRecord): boolean {
  return errorType !== undefined;
}

const lookupErrors = ['nxdomain', 'servfail', 'refused', 'formerr', 'notimp', 'timeout', '_OTHER'] as const;

/** The attributes of a look-up of a name. */
export function createLookupAttributes({
  ownNetworkNamespace,
}: RecordAttributesOptions): readonly Attribute<LookupRecord>[] {
  return [
    define(
      'dns.question.name',
      'string',
      'Name that was asked for, in lower case',
      'look-up',
      (lookup: LookupRecord) => lookup.questionName,
    ),
    define(
      'sockflow.dns.question.type',
      'string',
      'Type that was asked for: A, AAAA …',
      'look-up',
      (lookup) => lookup.questionType,
    ),
    oneOf('error.type', lookupErrors, 'How the look-up failed', 'failed', (lookup) => lookup.errorType),
    define(
      'sockflow.dns.lookup.duration',
      'double',
      'Seconds until it was answered, or given up',
      'look-up',
      (lookup) => secondsBetween(lookup.startTime, lookup.time),
    ),
    oneOf('network.transport', ['tcp', 'udp'], 'Transport protocol', 'always', (lookup) => lookup.transport),
    define('network.type', 'string', 'Network protocol', 'always', (lookup) => lookup.networkType),
    define('network.peer.address', 'string', 'The server that was asked', 'always', (lookup) => lookup.peerAddress),
    define('network.peer.port', 'int', 'Its port', 'always', (lookup) => lookup.peerPort),
    define(
      'sockflow.network.namespace',
      'int',
      'Inode number of the network namespace',
      "not the agent's own",
      (lookup) => (lookup.networkNamespace === ownNetworkNamespace ? undefined : lookup.networkNamespace),
    ),
  ];
}

const uid = written('log.record.uid', 'The same whenever this record is sent', 'always', recordUid);

// ---------------------------------------------------------------- metrics

export type Instrument = 'counter' | 'upDownCounter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly instrument: Instrument;
  readonly unit: string;
  readonly description: string;
  /** Upper bounds of the buckets; histograms only. */
  readonly bounds?: readonly number[];
}

/** Keys of metric attributes; a metric carries no pid, no ephemeral port and no peer address. */
export const metricAttributeKeys = {
  transport: 'network.transport',
  networkType: 'network.type',
  role: 'sockflow.connection.role',
  serverPort: 'server.port',
  service: 'service.name',
  error: 'error.type',
  direction: 'network.io.direction',
  overflow: 'otel.metric.overflow',
  stage: 'sockflow.agent.stage',
  reason: 'sockflow.agent.reason',
  what: 'sockflow.agent.what',
  exporter: 'sockflow.agent.exporter',
  lookupResult: 'sockflow.agent.lookup.result',
} as const;

/** The metrics of connections. */
export const connectionMetrics = {
  duration: {
    name: 'sockflow.connection.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'How long connections lasted, from their begin to their end.',
    bounds: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  },
  handshake: {
    name: 'sockflow.tcp.handshake.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'SYN to SYN-ACK, as the client sees it.',
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  rtt: {
    name: 'sockflow.tcp.rtt',
    instrument: 'histogram',
    unit: 's',
    description: 'Smoothed round-trip time when a connection is reported: at its end, and at each update.',
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  },
  io: {
    name: 'sockflow.connection.io',
    instrument: 'counter',
    unit: 'By',
    description: 'Payload, without retransmissions.',
  },
  packets: {
    name: 'sockflow.connection.packets',
    instrument: 'counter',
    unit: '{packet}',
    description: 'TCP segments and UDP datagrams.',
  },
  retransmits: {
    name: 'sockflow.tcp.retransmits',
    instrument: 'counter',
    unit: '{segment}',
    description: 'Segments sent again.',
  },
  resets: {
    name: 'sockflow.tcp.resets',
    instrument: 'counter',
    unit: '{segment}',
    description: 'Resets, those that belong to no connection included.',
  },
  listenDrops: {
    name: 'sockflow.tcp.listen.drops',
    instrument: 'counter',
    unit: '{segment}',
    description: 'SYNs and last ACKs that listeners dropped, mostly because their queue was full.',
  },
  opened: {
    name: 'sockflow.connection.opened',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections begun, failed attempts and those older than the agent included.',
  },
  closed: {
    name: 'sockflow.connection.closed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that were established and ended.',
  },
  failed: {
    name: 'sockflow.connection.failed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Attempts that never became a connection.',
  },
  count: {
    name: 'sockflow.connection.count',
    instrument: 'upDownCounter',
    unit: '{connection}',
    description: 'Connections that live: opened − closed − failed.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** Bounds as the conventions have them for dns.lookup.duration. */
export const lookupMetric = {
  name: 'sockflow.dns.lookup.duration',
  instrument: 'histogram',
  unit: 's',
  description: 'How long look-ups of names took, from the first question to the answer; error.type when they failed.',
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
} as const satisfies MetricDefinition;

/** The metrics of the agent itself. */
export const agentMetrics = {
  received: {
    name: 'sockflow.agent.received',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that came from the kernel.',
  },
  lost: {
    name: 'sockflow.agent.lost',
    instrument: 'counter',
    unit: '{record}',
    description:
      'Records that will never be delivered, each in exactly one stage and reason; traces_… are spans, metrics_… points.',
  },
  faults: {
    name: 'sockflow.agent.faults',
    instrument: 'counter',
    unit: '{fault}',
    description: 'Work that failed without a record being lost by it, each in exactly one stage and what.',
  },
  sent: {
    name: 'sockflow.agent.sent',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that a back end accepted.',
  },
  opened: {
    name: 'sockflow.agent.connection.opened',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that the kernel side saw begin: opened = live + closed + lost in the kernel.',
  },
  closed: {
    name: 'sockflow.agent.connection.closed',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections whose end the kernel side reported.',
  },
  live: {
    name: 'sockflow.agent.connection.live',
    instrument: 'gauge',
    unit: '{connection}',
    description: 'Connections that the kernel side follows.',
  },
  lookups: {
    name: 'sockflow.agent.container.lookups',
    instrument: 'counter',
    unit: '{container}',
    description: 'Containers by how their name came: hit (known beforehand), found, miss (nobody knows it), error.',
  },
  late: {
    name: 'sockflow.agent.container.late',
    instrument: 'counter',
    unit: '{record}',
    description: 'Records that went without the name of their container, which came too late or not at all.',
  },
  folded: {
    name: 'sockflow.agent.flow.folded',
    instrument: 'counter',
    unit: '{packet}',
    description: 'Datagrams of peers that the table of UDP conversations had no room for, counted with their socket.',
  },
  queue: {
    name: 'sockflow.agent.queue.size',
    instrument: 'gauge',
    unit: 'By',
    description: 'Bytes that wait for a back end.',
  },
  spool: {
    name: 'sockflow.agent.spool.size',
    instrument: 'gauge',
    unit: 'By',
    description: 'Bytes on disk that wait for a back end.',
  },
  exportDuration: {
    name: 'sockflow.agent.export.duration',
    instrument: 'histogram',
    unit: 's',
    description: 'How long requests took to be answered; error.type when they were not accepted.',
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  exportRetries: {
    name: 'sockflow.agent.export.retries',
    instrument: 'counter',
    unit: '{request}',
    description: 'Requests that failed and were made again.',
  },
  exportRenewals: {
    name: 'sockflow.agent.export.renewals',
    instrument: 'counter',
    unit: '{connection}',
    description: 'Connections that were replaced because nothing passed on them.',
  },
} as const satisfies Record<string, MetricDefinition>;
