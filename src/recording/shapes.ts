/** The shapes of what a recording has besides batches (facts.ts). */
import { fields, listOf, mapOf, maybe, number, recordOf, type Shape, text } from './shape.ts';

export const machineShape = fields({
  host: fields({ id: maybe(text), name: text, agentVersion: text }),
  kernel: text,
  layout: text,
  ownNetworkNamespace: number,
  reasons: fields({ reset: listOf(text), drop: listOf(text) }),
});

const udpCounts = fields({ opened: number, closed: number, live: number });

export const countsShape = fields({
  opened: number,
  closed: number,
  live: number,
  late: maybe(number),
  lost: recordOf(number),
  dropped: recordOf(number),
  udp: udpCounts,
  folded: number,
});

/** The id and the name of a user or a group. */
const nameShape: Shape = (value) => Array.isArray(value) && number(value[0]) && text(value[1]);

/** The serial of a process and its arguments. */
const argumentsShape: Shape = (value) => Array.isArray(value) && number(value[0]) && listOf(text)(value[1]);

const processShape: Shape = (value) =>
  typeof (value as { startTime?: unknown } | null)?.startTime === 'bigint' && described(value);

const described = fields({
  serial: number,
  pid: number,
  executablePath: maybe(text),
  executableName: text,
  parentPid: number,
  parentExecutablePath: maybe(text),
  parentExecutableName: maybe(text),
  userId: number,
  groupId: number,
  parentUserId: number,
  namespacePid: number,
  cgroups: listOf(text),
  commandArgs: maybe(listOf(text)),
});

const podNames = { name: text, namespace: text };

const kubernetesPod = fields({
  ...podNames,
  uid: text,
  node: maybe(text),
  workload: recordOf(text),
  serviceName: text,
  serviceNamespace: text,
  labels: mapOf(text),
  annotations: mapOf(text),
});

const containerShape = fields({
  id: text,
  details: maybe(
    fields({
      runtime: text,
      name: maybe(text),
      imageName: maybe(text),
      imageTags: maybe(listOf(text)),
      labels: maybe(recordOf(text)),
      composeProject: maybe(text),
      composeService: maybe(text),
      podContainerName: maybe(text),
    }),
  ),
  kubernetes: maybe(fields({ name: text, imageName: maybe(text), imageTags: listOf(text) })),
  pod: maybe(fields({ details: maybe(fields(podNames)), kubernetes: maybe(kubernetesPod) })),
});

export const factsShape = fields({
  users: maybe(listOf(nameShape)),
  groups: maybe(listOf(nameShape)),
  processes: maybe(listOf(processShape)),
  arguments: maybe(listOf(argumentsShape)),
  containers: maybe(listOf(containerShape)),
});
