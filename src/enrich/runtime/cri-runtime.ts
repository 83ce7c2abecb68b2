/**
 * A runtime behind the Container Runtime Interface: containerd, CRI-O and others. Where it is containerd, what the
 * interface doesn't know is asked by containerd's own, which also tells of containers as they come.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Containerd, ContainerdContainer } from './containerd.ts';
import type { Cri, CriContainer } from './cri.ts';
import { parseImage } from './image.ts';
import type { Found, Runtime, RuntimeEvents } from './runtime.ts';

export interface CriRuntimeOptions {
  readonly name: 'containerd' | 'cri-o' | 'docker';
  readonly socket: string;
  /** Keys of the labels that are wanted. */
  readonly labels: readonly string[];
  /** Milliseconds for each question. */
  readonly patience?: number;
  /** Milliseconds between two looks whether a runtime without events is still there. */
  readonly interval?: number;
}

interface Clients {
  readonly cri: Cri;
  readonly containerd: Containerd;
}

/** containerd's name for what the kubelet has made. */
const KUBERNETES = 'k8s.io';

export function createCriRuntime(options: CriRuntimeOptions): Runtime {
  const { name, socket, patience = 2_000, interval = 10_000 } = options;
  const read: Reader = { runtime: name, wanted: options.labels };
  let clients: Promise<Clients> | undefined;
  // Loaded when a socket is there: gRPC takes some megabytes.
  const open = () => {
    clients ??= connectTo(socket, patience);
    return clients;
  };
  const find = async (id: string): Promise<Found | undefined> => {
    const { cri, containerd } = await open();
    const byCri = await unlessUnbuilt(cri.find(id));
    if (byCri) return fromCri(byCri, read);
    const own = name === 'containerd' ? await unlessUnbuilt(containerd.find(id)) : undefined;
    return own && fromContainerd(own, read);
  };
  return {
    name,
    socket,
    mayKnow: (runtime) => runtime === undefined || runtime === name,
    find,
    async watch(events, signal) {
      const { cri, containerd } = await open();
      const own = name === 'containerd' ? watchContainerd(containerd, find, read, events, signal) : undefined;
      // Never the events of the interface where containerd has its own: up to version 1.7 it tells each of them to one
      // listener only, and what we hear the kubelet would miss.
      if (own && (await unlessUnbuilt(own))) return;
      await watchCri(cri, { read, interval }, events, signal);
    },
  };
}

async function connectTo(socket: string, patience: number): Promise<Clients> {
  const [{ createCri }, { createContainerd }] = await Promise.all([import('./cri.ts'), import('./containerd.ts')]);
  return { cri: createCri(socket, patience), containerd: createContainerd(socket, patience) };
}

/** Either interface may be turned off. */
function unlessUnbuilt<Value>(question: Promise<Value>): Promise<Value | undefined> {
  return question.catch((error) => {
    if ((error as { kind?: unknown }).kind === 'unbuilt') return undefined;
    throw error;
  });
}

async function watchContainerd(
  containerd: Containerd,
  find: (id: string) => Promise<Found | undefined>,
  read: Reader,
  events: RuntimeEvents,
  signal: AbortSignal,
): Promise<'ended'> {
  const { promise: over, resolve, reject } = Promise.withResolvers<'ended'>();
  over.catch(() => undefined); // it may end while something else is waited for
  // Of what can't be read now, whoever sees a process of it asks again.
  const tell = (id: string, question: Promise<Found | undefined>) =>
    void question.then((found) => found && events.onFound(id, found)).catch(() => undefined);
  const own = async (namespace: string, id: string) => {
    const container = await containerd.get(namespace, id);
    // One that the kubelet did not make has its name in the runtime interface alone.
    const isNamed = namespace !== KUBERNETES || container?.labels.has(POD.container);
    return container && isNamed ? fromContainerd(container, read) : undefined;
  };
  const stop = containerd.watch({
    onCreated: (namespace, id) => tell(id, own(namespace, id)),
    // Of these the runtime interface knows more, but only once they are complete.
    onStarted: (namespace, id) => namespace === KUBERNETES && tell(id, find(id)),
    onEnd: reject,
  });
  const end = () => resolve('ended');
  signal.addEventListener('abort', end, { once: true });
  try {
    for (const container of await containerd.list()) {
      const found = container.namespace === KUBERNETES ? undefined : fromContainerd(container, read);
      if (found) events.onFound(container.id, found);
    }
    events.onConnected();
    return await over;
  } finally {
    stop();
    signal.removeEventListener('abort', end);
  }
}

/** Where it has no events it is enough to ask when a container is seen: it keeps them for a while after their end. */
async function watchCri(
  cri: Cri,
  { read, interval }: { readonly read: Reader; readonly interval: number },
  events: RuntimeEvents,
  signal: AbortSignal,
): Promise<void> {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined); // it may end while something else is waited for
  const stop = cri.watch({
    onContainer: (container) => events.onFound(container.id, fromCri(container, read)),
    onEnd: (error) => error.kind !== 'unbuilt' && error.kind !== 'over' && reject(error),
  });
  try {
    await Promise.race([watchOver(cri, interval, events, signal), broken]);
  } finally {
    stop();
  }
}

async function watchOver(cri: Cri, interval: number, events: RuntimeEvents, signal: AbortSignal): Promise<void> {
  await cri.version();
  events.onConnected();
  while (!signal.aborted) {
    await sleep(interval, undefined, { signal, ref: false }).catch(() => undefined);
    if (!signal.aborted) await cri.version();
  }
}

/** What an answer is read for. */
interface Reader {
  readonly runtime: string;
  readonly wanted: readonly string[];
}

function fromCri({ name, image, labels, pod }: CriContainer, read: Reader): Found {
  return {
    container: { ...details(name, image, labels, read), podContainerName: name },
    pod: pod && { uid: pod.uid, name: pod.name, namespace: pod.namespace },
  };
}

/** Labels that the kubelet's containers have in both interfaces. */
const POD = {
  container: 'io.kubernetes.container.name',
  uid: 'io.kubernetes.pod.uid',
  name: 'io.kubernetes.pod.name',
  namespace: 'io.kubernetes.pod.namespace',
};

/** Undefined for what only holds the namespaces of a pod. */
function fromContainerd({ id, image, labels }: ContainerdContainer, read: Reader): Found | undefined {
  if (labels.get('io.cri-containerd.kind') === 'sandbox') return undefined;
  const inPod = labels.get(POD.container);
  const name = inPod ?? labels.get('nerdctl/name') ?? id;
  const [uid, podName, namespace] = [POD.uid, POD.name, POD.namespace].map((key) => labels.get(key));
  const pod = uid && podName && namespace ? { uid, name: podName, namespace } : undefined;
  return { container: { ...details(name, image, labels, read), podContainerName: inPod }, pod };
}

function details(name: string, image: string, labels: ReadonlyMap<string, string>, { runtime, wanted }: Reader) {
  const parsed = parseImage(image);
  const entries = wanted.flatMap((key) => {
    const value = labels.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    runtime,
    name,
    imageName: parsed?.name,
    imageTags: parsed?.tags ?? [],
    labels: Object.fromEntries(entries),
  };
}
