/** Who is behind a connection: processes, and the containers and pods that they are in. Shapes only, as in model.ts. */

/** A container, shared by all its processes. */
export interface Container {
  /** As its runtime calls it: 64 hexadecimal digits with most, a name with LXC and systemd-nspawn. */
  readonly id: string;
  /** docker, podman, containerd, cri-o …; undefined where the cgroup's path does not tell. */
  readonly runtime: string | undefined;
  /** What its runtime says; replaced as a whole when that changes, undefined until it has answered. */
  details?: ContainerDetails;
  /** What Kubernetes says; undefined until it is known which container of its pod it is. */
  kubernetes?: KubernetesContainer;
}

export interface KubernetesContainer {
  /** In the specification of the pod. */
  readonly name: string;
  readonly imageName: string | undefined;
  readonly imageTags: readonly string[];
}

/** What a container's runtime says of it. */
export interface ContainerDetails {
  /** The runtime that answered. */
  readonly runtime: string;
  readonly name?: string | undefined;
  /** Registry and repository, without tag and digest. */
  readonly imageName?: string | undefined;
  readonly imageTags?: readonly string[];
  /** Those that were asked for, by their key. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly composeProject?: string | undefined;
  readonly composeService?: string | undefined;
  /** Its name in the specification of its pod. */
  readonly podContainerName?: string | undefined;
}

/** A Kubernetes pod, shared by all its processes. */
export interface Pod {
  /** Of a static pod, the hash of its configuration, which is what the cgroup's path has. */
  readonly uid: string;
  /** Replaced as a whole when that changes, undefined until somebody has answered. */
  details?: PodDetails;
  /** What Kubernetes says, which is more than a runtime has; replaced as a whole. */
  kubernetes?: KubernetesPod;
}

export interface PodDetails {
  readonly name: string;
  readonly namespace: string;
}

/** A pod as the API server or the kubelet knows it. */
export interface KubernetesPod extends PodDetails {
  readonly uid: string;
  readonly node: string | undefined;
  readonly workload: Workload;
  /** By the rules of the conventions. */
  readonly serviceName: string;
  readonly serviceNamespace: string;
  /** Those that were asked for, and some that names are made of. */
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Names of the workloads that own a pod, nearest first. */
export interface Workload {
  readonly replicaset?: string;
  readonly deployment?: string;
  readonly statefulset?: string;
  readonly daemonset?: string;
  readonly job?: string;
  readonly cronjob?: string;
}

/** Who has an address of the cluster. A service is what was dialled, not who answered. */
export type ClusterPeer =
  | { readonly kind: 'pod'; readonly name: string; readonly namespace: string; readonly workload: Workload }
  | { readonly kind: 'service'; readonly name: string; readonly namespace: string }
  /** A node's, and so that of each pod on the host network there: which of them it is, nobody can say. */
  | { readonly kind: 'node'; readonly name: string };

/** A program that ran as one process: a new one after each exec. Described by the kernel at its first socket. */
export interface Process {
  /** Number the kernel side gave this description; unique while the agent runs. 0: nobody is known. */
  readonly serial: number;
  readonly pid: number;
  /** When the process began (not when it exec'd). */
  readonly startTime: bigint;
  /** Absolute path as the process's own mount namespace shows it; undefined for kernel threads. */
  readonly executablePath: string | undefined;
  /** Last part of the path, else the kernel's 15-byte task name. */
  readonly executableName: string;
  readonly parentPid: number;
  readonly parentExecutablePath: string | undefined;
  readonly parentExecutableName: string | undefined;
  readonly userId: number;
  readonly groupId: number;
  readonly parentUserId: number;
  /** Pid inside its innermost pid namespace; equals `pid` outside containers. */
  readonly namespacePid: number;
  /** Paths of its cgroups, v2 first, then v1 controllers; for container look-ups. */
  readonly cgroups: readonly string[];
  /** Without the secrets in them; undefined when they were not asked for or could not be had. */
  commandArgs?: readonly string[];
  // Completed by enrich/:
  userName?: string;
  groupName?: string;
  parentUserName?: string;
  container?: Container;
  pod?: Pod;
  /** The service it belongs to, when it is in no container. */
  systemdUnit?: string;
}
