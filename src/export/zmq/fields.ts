/** What a flow is made of, under the names and numbers that ntopng has for it: docs/ntopng.md. */
import type { Process } from '../../model.ts';
import type { Flow, Party } from './flow.ts';

interface Common {
  /** As JSON has it, and TLV where there is no number. */
  readonly name: string;
  readonly id?: number;
}

export type Field = Common &
  (
    | { readonly kind: 'int' | 'float'; readonly read: (flow: Flow) => number | undefined }
    | { readonly kind: 'text'; readonly read: (flow: Flow) => string | undefined }
  );

/** What stands for a container where there is room for one text. */
export type ContainerLabel = 'id' | 'name';

type Side = 'client' | 'server';

/** Numbers of the client's field and of the server's. */
const ids = {
  PROC_NAME: [57641, 57848],
  PROC_PID: [57640, 57847],
  PROC_UID: [57897, 57898],
  PROC_USER_NAME: [57844, 57849],
  FATHER_PROC_PID: [57845, 57850],
  FATHER_PROC_NAME: [57846, 57851],
  FATHER_PROC_UID: [58036, 58039],
  FATHER_PROC_USER_NAME: [58037, 58040],
  PROC_CONTAINER_ID: [58030, 58031],
} as const;

/** The name comes first: with it ntopng knows, also of JSON, that counters are what was added. */
export function processFields(side: Side, label: ContainerLabel): readonly Field[] {
  const common = (name: string): Common => {
    const [client, server] = ids[name as keyof typeof ids] ?? [];
    const id = side === 'client' ? client : server;
    return { name: `${side === 'client' ? 'SRC' : 'DST'}_${name}`, ...(id !== undefined && { id }) };
  };
  const int = (name: string, read: (process: Process) => number): Field => ({
    ...common(name),
    kind: 'int',
    read: (flow) => ofProcess(flow[side], read),
  });
  const text = (name: string, read: (process: Process) => string | undefined): Field => ({
    ...common(name),
    kind: 'text',
    read: (flow) => ofProcess(flow[side], read),
  });
  return [
    text('PROC_NAME', nameOf),
    int('PROC_PID', ({ pid }) => pid),
    int('PROC_UID', ({ userId }) => userId),
    text('PROC_USER_NAME', ({ userName }) => userName),
    int('FATHER_PROC_PID', ({ parentPid }) => parentPid),
    text('FATHER_PROC_NAME', parentNameOf),
    int('FATHER_PROC_UID', ({ parentUserId }) => parentUserId),
    text('FATHER_PROC_USER_NAME', ({ parentUserName }) => parentUserName),
    text('PROC_CONTAINER_ID', (process) => containerLabel(process, label)),
    // ntopng shows these as additional elements of the flow.
    text('K8S_POD', (process) => podOf(process)?.name),
    text('K8S_NS', (process) => podOf(process)?.namespace),
    text('CONTAINER_NAME', containerName),
  ];
}

function ofProcess<Value>({ process }: Party, read: (process: Process) => Value): Value | undefined {
  return process && read(process);
}

export function nameOf({ executablePath, executableName }: Process): string {
  return executablePath || executableName;
}

export function parentNameOf({ parentExecutablePath, parentExecutableName }: Process): string | undefined {
  return parentExecutablePath || parentExecutableName;
}

/** Kubernetes' word on a pod, else its runtime's. */
export function podOf({ pod }: Process): { readonly name: string; readonly namespace: string } | undefined {
  return pod?.kubernetes ?? pod?.details;
}

/** Its name in its pod, else the one that its runtime has for it. */
export function containerName({ container }: Process): string | undefined {
  return container?.details?.podContainerName || container?.kubernetes?.name || container?.details?.name;
}

/** As people write ids: the first twelve digits. */
export function containerId({ container }: Process): string | undefined {
  return container && /^[\da-f]{64}$/.test(container.id) ? container.id.slice(0, 12) : container?.id;
}

export function containerLabel(process: Process, label: ContainerLabel): string | undefined {
  const name = label === 'name' ? containerName(process) : undefined;
  const pod = podOf(process);
  if (name === undefined) return containerId(process);
  return pod ? `${pod.namespace}/${pod.name}/${name}` : name;
}

const protocols = { tcp: 6, udp: 17 } as const;
const isV4 = (flow: Flow) => flow.ipVersion === 4;
/** To the microsecond, as it was measured. */
const milliseconds = (seconds: number | undefined) =>
  seconds === undefined ? undefined : Math.round(seconds * 1e6) / 1000;
/** Zero says nothing: these are added up or joined. */
const nonZero = (number: number) => number || undefined;

function int(id: number, name: string, read: (flow: Flow) => number | undefined): Field {
  return { id, name, kind: 'int', read };
}

function text(id: number, name: string, read: (flow: Flow) => string | undefined): Field {
  return { id, name, kind: 'text', read };
}

function float(id: number, name: string, read: (flow: Flow) => number | undefined): Field {
  return { id, name, kind: 'float', read };
}

/** Who talks to whom, and when. */
export const endpointFields: readonly Field[] = [
  int(60, 'IP_PROTOCOL_VERSION', ({ ipVersion }) => ipVersion),
  text(8, 'IPV4_SRC_ADDR', (flow) => (isV4(flow) ? flow.client.address : undefined)),
  text(12, 'IPV4_DST_ADDR', (flow) => (isV4(flow) ? flow.server.address : undefined)),
  text(27, 'IPV6_SRC_ADDR', (flow) => (isV4(flow) ? undefined : flow.client.address)),
  text(28, 'IPV6_DST_ADDR', (flow) => (isV4(flow) ? undefined : flow.server.address)),
  int(7, 'L4_SRC_PORT', ({ client }) => client.port),
  int(11, 'L4_DST_PORT', ({ server }) => server.port),
  int(4, 'PROTOCOL', ({ transport }) => protocols[transport]),
  int(22, 'FIRST_SWITCHED', ({ first }) => first),
  int(21, 'LAST_SWITCHED', ({ last }) => last),
];

/** What was added since the flow was told last. */
export const deltaFields: readonly Field[] = [
  int(1, 'IN_BYTES', ({ client }) => client.sent.bytes),
  int(2, 'IN_PKTS', ({ client }) => client.sent.packets),
  int(23, 'OUT_BYTES', ({ server }) => server.sent.bytes),
  int(24, 'OUT_PKTS', ({ server }) => server.sent.packets),
];

/** Without names that every ntopng knows, the first two are called by their numbers. */
export const qualityFields: readonly Field[] = [
  int(57550, '57550', ({ client }) => nonZero(client.flags)),
  int(57551, '57551', ({ server }) => nonZero(server.flags)),
  float(57595, 'CLIENT_NW_LATENCY_MS', ({ client }) => milliseconds(client.latency)),
  float(57596, 'SERVER_NW_LATENCY_MS', ({ server }) => milliseconds(server.latency)),
  int(57581, 'RETRANSMITTED_IN_PKTS', ({ client }) => nonZero(client.sent.retransmits)),
  int(57582, 'RETRANSMITTED_OUT_PKTS', ({ server }) => nonZero(server.sent.retransmits)),
];
