/**
 * What the paths of a process's cgroups say: container, runtime, pod, systemd unit. Nobody is asked, so it is there for
 * the first record and for a process that lives a millisecond.
 *
 * A path is read from its end: of containers in containers (kind, docker in docker) the innermost one counts. Only names
 * that a runtime is known to make are taken; 64 digits anywhere would find monitors and build steps, too.
 */

/** Undefined: the paths do not say. */
export interface Placement {
  readonly containerId: string | undefined;
  readonly runtime: string | undefined;
  readonly podUid: string | undefined;
  /** Only outside containers. */
  readonly systemdUnit: string | undefined;
}

interface ContainerName {
  readonly id: string;
  readonly runtime: string | undefined;
}

const nowhere: Placement = {
  containerId: undefined,
  runtime: undefined,
  podUid: undefined,
  systemdUnit: undefined,
};

/**
 * `paths`: of cgroup v2 and of v1 controllers, in any number. On a hybrid host only some of them know the container, so
 * the first that does counts.
 */
export function parseCgroups(paths: readonly string[]): Placement {
  let unit: string | undefined;
  let pod: string | undefined;
  for (const path of paths) {
    const placement = parsePath(path);
    if (placement.containerId !== undefined) return placement;
    pod ??= placement.podUid;
    unit ??= placement.systemdUnit;
  }
  return { ...nowhere, podUid: pod, systemdUnit: pod === undefined ? unit : undefined };
}

function parsePath(path: string): Placement {
  const names = path.split('/').filter((name) => name !== '');
  if (names.some(isMonitor)) return nowhere;
  const podUid = lastOf(names, podOf);
  const container = lastOf(names, (_, index) => containerAt(names, index));
  if (container) return { ...nowhere, containerId: container.id, runtime: container.runtime, podUid };
  return { ...nowhere, podUid, systemdUnit: podUid === undefined ? unitOf(names) : undefined };
}

/** What the last name that says anything says. */
function lastOf<Value>(
  names: readonly string[],
  read: (name: string, index: number) => Value | undefined,
): Value | undefined {
  for (let index = names.length - 1; index >= 0; index--) {
    const value = read(names[index] as string, index);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Programs of the runtime that stand beside a container: conmon of CRI-O and podman, the monitors of LXC. */
function isMonitor(name: string, index: number, names: readonly string[]): boolean {
  return (
    /^(crio|libpod)-conmon-/.test(name) ||
    /^lxc\.monitor(\.|$)/.test(name) ||
    (name === 'conmon' && names[index - 1] === 'libpod_parent')
  );
}

/** Under systemd with underscores instead of hyphens; a static pod has a hash without either. */
const podName =
  /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=\.slice|:|$)/;

function podOf(name: string): string | undefined {
  return podName.exec(name)?.[1]?.replaceAll('_', '-');
}

/** Prefixes that runtimes give to the 64 digits of an id. */
const runtimes: Readonly<Record<string, string>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  containerd: 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  libpod: 'podman',
  'libpod-payload': 'podman',
};

/** `docker-ID.scope`, `crio-ID`, and `kubepods-….slice:cri-containerd:ID` of a driver that was set up by halves. */
const prefixed = /^(?:[^:]*:)?([a-z]+(?:-[a-z]+)?)[-:]([0-9a-f]{64})(?:\.scope)?$/;

/** Of folders that hold containers under their bare ids, the runtime; what others call their parents is not known. */
const parents: Readonly<Record<string, string>> = {
  docker: 'docker',
  ecs: 'docker',
  actions_job: 'docker',
  default: 'containerd',
  'k8s.io': 'containerd',
  libpod_parent: 'podman',
};

/** Namespaces of containerd, in which `ctr` makes containers under any name. */
const containerdNamespaces: readonly string[] = ['default', 'k8s.io'];

function containerAt(names: readonly string[], index: number): ContainerName | undefined {
  return hexName(names, index) ?? freeName(names, index);
}

function hexName(names: readonly string[], index: number): ContainerName | undefined {
  const name = names[index] as string;
  const [, prefix, id] = prefixed.exec(name) ?? [];
  if (id && prefix) {
    const runtime = runtimes[prefix];
    return runtime === undefined ? undefined : { id, runtime };
  }
  if (/^[0-9a-f]{64}$/.test(name)) return { id: name, runtime: runtimeAbove(names, index) };
  // Amazon Fargate: the task, and a number.
  return /^[0-9a-f]{32}-\d{6,12}$/.test(name) ? { id: name, runtime: 'containerd' } : undefined;
}

/** `/ecs/CLUSTER/TASK/ID` has more between. What stands above a pod or another container says nothing of this one. */
function runtimeAbove(names: readonly string[], index: number): string | undefined {
  for (let above = index - 1; above >= 0; above--) {
    const name = names[above] as string;
    if (Object.hasOwn(parents, name)) return parents[name];
    if (podOf(name) !== undefined || /[0-9a-f]{64}/.test(name)) return undefined;
  }
  return undefined;
}

/** Containers whose id is a name: what it says depends on where it stands. */
function freeName(names: readonly string[], index: number): ContainerName | undefined {
  const name = names[index] as string;
  const above = names[index - 1];
  return lxcName(name, above) ?? nspawnName(name, names[index + 1]) ?? nomadName(name, names) ?? ctrName(names, index);
}

function lxcName(name: string, above: string | undefined): ContainerName | undefined {
  if (above === 'lxc' || above === 'lxc.payload') return { id: name, runtime: 'lxc' };
  const id = /^lxc\.payload\.(.+)$/.exec(name)?.[1];
  return id === undefined ? undefined : { id, runtime: 'lxc' };
}

/** `payload` is what is inside; its supervisor, and virtual machines, have the same names above. */
function nspawnName(name: string, below: string | undefined): ContainerName | undefined {
  if (below !== 'payload') return undefined;
  const escaped = /^(?:systemd-nspawn@(.+)\.service|machine-(.+)\.scope)$/.exec(name);
  const id = escaped?.[1] ?? escaped?.[2];
  return id === undefined ? undefined : { id: unescapeUnit(id), runtime: 'systemd-nspawn' };
}

/** `\x2d` stands for a hyphen, and so on. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** ALLOCATION.TASK, which is unique; an allocation alone may have more than one task. */
const nomadTask = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[^/]+?)(?:\.scope)?$/;

function nomadName(name: string, names: readonly string[]): ContainerName | undefined {
  const id = nomadTask.exec(name)?.[1];
  const isNomad = names[0] === 'nomad' || names[0] === 'nomad.slice';
  return id !== undefined && isNomad ? { id, runtime: 'nomad' } : undefined;
}

/** Only as a whole path: deeper down these names can mean anything. */
function ctrName(names: readonly string[], index: number): ContainerName | undefined {
  const [namespace, id] = names;
  if (index !== 1 || names.length !== 2 || id === undefined) return undefined;
  return containerdNamespaces.includes(namespace as string) ? { id, runtime: 'containerd' } : undefined;
}

/** The first service of the path; below the manager of a user, which is one itself, his own. */
function unitOf(names: readonly string[]): string | undefined {
  const units = names.filter((name) => name.endsWith('.service'));
  const [first, second] = units;
  const unit = first !== undefined && /^user@\d+\.service$/.test(first) ? (second ?? first) : first;
  return unit?.replace(/^_/, ''); // systemd's way to tell it from files of the kernel
}
