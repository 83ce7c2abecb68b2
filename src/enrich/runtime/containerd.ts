/**
 * containerd's own API, for containers that no other interface knows: those of `ctr` and nerdctl, in every namespace.
 * Its events tell of a container before the first process of it runs.
 */
import { CallError, type Connection, connect, type Method } from './grpc.ts';
import { bytes, decode, encode, list, map, message, string } from './protobuf.ts';

/** A container as containerd keeps it. */
export interface ContainerdContainer {
  readonly id: string;
  /** Of containerd, not of Kubernetes: `default`, `k8s.io`. */
  readonly namespace: string;
  /** Reference of the image; empty where there is none. */
  readonly image: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Where its cgroup is, as its specification says: `/default/web`, or `system.slice:nerdctl:ID` with systemd. */
  readonly cgroup: string | undefined;
}

export interface Containerd {
  /** Looks in every namespace. Undefined: there is no such container. Rejects with a CallError, as all here do. */
  find(id: string): Promise<ContainerdContainer | undefined>;
  get(namespace: string, id: string): Promise<ContainerdContainer | undefined>;
  /** All of them but those of Docker, which only Docker can name. */
  list(): Promise<readonly ContainerdContainer[]>;
  /** Tells of each container as it comes, until the returned function is called or the stream is over. */
  watch(listeners: ContainerdListeners): () => void;
  close(): void;
}

export interface ContainerdListeners {
  onCreated(namespace: string, id: string): void;
  onStarted(namespace: string, id: string): void;
  /** Once. */
  onEnd(error: CallError): void;
}

/** Docker keeps its containers here, without names and images. */
const DOCKERS = 'moby';

/** `deadline`: milliseconds for each question. */
export function createContainerd(
  socket: string,
  deadline: number,
  connection: Connection = connect(socket, deadline),
): Containerd {
  const headers = (namespace: string) => ({ 'containerd-namespace': namespace });

  const namespaces = async (): Promise<readonly string[]> => {
    const answer = await connection.call(listNamespaces, encode({}));
    return answer.namespaces.map(({ name }) => name).filter((name) => name !== DOCKERS);
  };
  const get = async (namespace: string, id: string): Promise<ContainerdContainer | undefined> => {
    const answer = await connection.call(getContainer, encode({ 1: id }), headers(namespace)).catch(unlessAbsent);
    return answer?.container && toContainer(answer.container, namespace);
  };
  const listIn = async (namespace: string): Promise<readonly ContainerdContainer[]> => {
    const { containers } = await connection.call(listContainers, encode({}), headers(namespace));
    return containers.map((container) => toContainer(container, namespace));
  };
  return {
    get,
    async find(id) {
      const answers = await Promise.all((await namespaces()).map((namespace) => get(namespace, id)));
      return answers.find((answer) => answer !== undefined);
    },
    async list() {
      return (await Promise.all((await namespaces()).map(listIn))).flat();
    },
    watch: ({ onCreated, onStarted, onEnd }) =>
      connection.stream(subscribe, encode({ 1: topics.map((topic) => `topic==${JSON.stringify(topic)}`) }), {
        onEnd,
        onData({ namespace, topic, event }) {
          const id = event?.id ?? '';
          if (id === '' || namespace === DOCKERS) return;
          if (topic === CREATED) onCreated(namespace, id);
          if (topic === STARTED) onStarted(namespace, id);
        },
      }),
    close: () => connection.close(),
  };
}

function unlessAbsent(error: unknown): undefined {
  if (!(error instanceof CallError && error.kind === 'absent')) throw error;
}

interface Stored extends Omit<ContainerdContainer, 'namespace' | 'cgroup'> {
  readonly spec: { readonly value: Uint8Array } | undefined;
}

function toContainer({ id, image, labels, spec }: Stored, namespace: string): ContainerdContainer {
  return { id, namespace, image, labels, cgroup: spec && cgroupOf(spec.value) };
}

/** The specification is JSON; one that isn't has no cgroup, which is no reason to do without the rest. */
function cgroupOf(spec: Uint8Array): string | undefined {
  try {
    const path: unknown = JSON.parse(Buffer.from(spec).toString())?.linux?.cgroupsPath;
    return typeof path === 'string' && path !== '' ? path : undefined;
  } catch {
    return undefined;
  }
}

const CREATED = '/containers/create';
const STARTED = '/tasks/start';
const topics = [CREATED, STARTED];

const container = { id: string(1), labels: map(2), image: string(3), spec: message(5, { value: bytes(2) }) };
const namespacesAnswer = { namespaces: list(1, { name: string(1) }) };
const getAnswer = { container: message(1, container) };
const listAnswer = { containers: list(1, container) };
const envelope = { namespace: string(2), topic: string(3), event: message(4, { value: bytes(2) }) };
/** Both kinds of event begin with the id of the container. */
const eventFields = { id: string(1) };

const api = '/containerd.services';
const listNamespaces = method('namespaces.v1.Namespaces/List', (raw) => decode(namespacesAnswer, raw));
const getContainer = method('containers.v1.Containers/Get', (raw) => decode(getAnswer, raw));
const listContainers = method('containers.v1.Containers/List', (raw) => decode(listAnswer, raw));
const subscribe = method('events.v1.Events/Subscribe', (raw) => {
  const { namespace, topic, event } = decode(envelope, raw);
  return { namespace, topic, event: event && decode(eventFields, event.value) };
});

function method<Answer>(name: string, read: (bytes: Uint8Array) => Answer): Method<Answer> {
  return { path: `${api}.${name}`, decode: read };
}
