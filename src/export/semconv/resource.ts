/** The host, the observed process, its container and its pod: what a Resource says. */
import type { Container, ContainerDetails, Pod, PodDetails, Process } from '../../model.ts';
import { formatTime } from '../time.ts';
import { type Attribute, define, filled } from './attribute.ts';

/** The host and the agent on it: what every resource says. See host.ts. */
export interface Host {
  /** Content of /etc/machine-id; undefined when there is none. */
  readonly id: string | undefined;
  readonly name: string;
  readonly agentVersion: string;
}

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

export function namedPod(pod: Pod | undefined): PodDetails | undefined {
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
  define(
    'process.command_args',
    'string[]',
    'Arguments that it was started with, the program first, without secrets',
    'with --command-args, where they could be read',
    (process) => process.commandArgs,
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
