/**
 * containerd, CRI-O and others by the Container Runtime Interface, runtime.v1: what the kubelet speaks. Only questions
 * are asked.
 */
import { CallError, type Connection, connect, type Method } from './grpc.ts';
import { decode, encode, list, type Message, map, message, string } from './protobuf.ts';

/** A container of a pod, as its runtime knows it. */
export interface CriContainer {
  readonly id: string;
  readonly name: string;
  /** As it was asked for, where the runtime says that; may be the bare id of an image. */
  readonly image: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly pod: CriPod | undefined;
}

export interface CriPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

export interface Cri {
  /** Name and version of the runtime. Rejects with a CallError, as all here do. */
  version(): Promise<{ readonly name: string; readonly version: string }>;
  /** Undefined: it has no such container. */
  find(id: string): Promise<CriContainer | undefined>;
  /** Tells of each container as it is created, started and stopped, until the returned function is called or the stream is over. */
  watch(listeners: CriListeners): () => void;
  close(): void;
}

export interface CriListeners {
  onContainer(container: CriContainer): void;
  /** Once. `unbuilt` or `over`: this runtime has no events, or does not tell them. */
  onEnd(error: CallError): void;
}

/** `deadline`: milliseconds for each question. */
export function createCri(socket: string, deadline: number, connection: Connection = connect(socket, deadline)): Cri {
  const imageOf = async (id: string): Promise<string> => {
    const { status } = await connection.call(containerStatus, encode({ 1: id }));
    return status?.image?.asked || status?.image?.image || '';
  };
  const podOf = async (id: string): Promise<CriPod | undefined> => {
    const { status } = await connection.call(podSandboxStatus, encode({ 1: id }));
    return status && toPod(status);
  };
  return {
    async version() {
      const { name, version } = await connection.call(versionMethod, encode({}));
      return { name, version };
    },
    async find(id) {
      const { containers } = await connection.call(listContainers, encode({ 1: { 1: id } }));
      // The runtime takes what it is given for the beginning of an id, too.
      const found = containers.find((container) => container.id === id);
      if (!found) return undefined;
      const [image, pod] = await Promise.all([
        unlessGone(imageOf(id)),
        unlessGone(found.sandbox === '' ? Promise.resolve(undefined) : podOf(found.sandbox)),
      ]);
      return {
        id,
        name: found.metadata?.name ?? '',
        image: image || found.image?.asked || found.image?.image || '',
        labels: found.labels,
        pod,
      };
    },
    watch: ({ onContainer, onEnd }) =>
      connection.stream(containerEvents, encode({}), {
        onEnd,
        onData({ id, pod, containers }) {
          // The others of its pod have had events of their own; an event of the pod itself has its id.
          const container = containers.find((one) => one.id === id);
          if (container) onContainer(toContainer(container, pod && toPod(pod)));
        },
      }),
    close: () => connection.close(),
  };
}

/** What ended between two questions is known as far as the first one goes. */
function unlessGone<Value>(question: Promise<Value>): Promise<Value | undefined> {
  return question.catch((error) => {
    if (error instanceof CallError && error.kind === 'absent') return undefined;
    throw error;
  });
}

function toPod({ metadata, labels, annotations }: Message<typeof sandboxStatus>): CriPod | undefined {
  if (!metadata) return undefined;
  const { name, uid, namespace } = metadata;
  return { uid, name, namespace, labels, annotations };
}

function toContainer({ id, metadata, image, labels }: Message<typeof told>, pod: CriPod | undefined): CriContainer {
  return { id, name: metadata?.name ?? '', image: image?.asked || image?.image || '', labels, pod };
}

const imageSpec = { image: string(1), asked: string(18) };
const container = {
  id: string(1),
  sandbox: string(2),
  metadata: message(3, { name: string(1) }),
  image: message(4, imageSpec),
  labels: map(8),
};
const sandboxStatus = {
  metadata: message(2, { name: string(1), uid: string(2), namespace: string(3) }),
  labels: map(7),
  annotations: map(8),
};

/** A container as an event has it. */
const told = {
  id: string(1),
  metadata: message(2, { name: string(1) }),
  image: message(8, imageSpec),
  labels: map(12),
};

const eventAnswer = { id: string(1), pod: message(4, sandboxStatus), containers: list(5, told) };
const versionAnswer = { name: string(2), version: string(3) };
const listAnswer = { containers: list(1, container) };
const containerAnswer = { status: message(1, { image: message(8, imageSpec) }) };
const sandboxAnswer = { status: message(1, sandboxStatus) };

const service = '/runtime.v1.RuntimeService';
const versionMethod = method('Version', (bytes) => decode(versionAnswer, bytes));
const listContainers = method('ListContainers', (bytes) => decode(listAnswer, bytes));
const containerStatus = method('ContainerStatus', (bytes) => decode(containerAnswer, bytes));
const podSandboxStatus = method('PodSandboxStatus', (bytes) => decode(sandboxAnswer, bytes));
const containerEvents = method('GetContainerEvents', (bytes) => decode(eventAnswer, bytes));

function method<Answer>(name: string, read: (bytes: Uint8Array) => Answer): Method<Answer> {
  return { path: `${service}/${name}`, decode: read };
}
