/** Docker, and Podman by the same interface: HTTP over a unix socket. Nothing is changed there, only read. */
import type { IncomingMessage } from 'node:http';
import { openAnswer, readAll, readLines } from '../http.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../json.ts';
import { parseImage } from './image.ts';
import type { Found, Runtime, RuntimeEvents } from './runtime.ts';

export interface DockerOptions {
  readonly name: 'docker' | 'podman';
  readonly socket: string;
  /** Keys of the labels that are wanted. */
  readonly labels: readonly string[];
  /** Milliseconds in which an answer must begin, and then in which it must end where it has one. */
  readonly patience?: number;
  readonly open?: typeof openAnswer;
}

/** Bytes: of what is said of one container, of ten thousand, and of one event. */
const LONGEST = { container: 2 ** 21, list: 2 ** 24, event: 2 ** 20 };

export function createDocker(options: DockerOptions): Runtime {
  const { name, socket, labels, patience = 5_000, open: openAt = openAnswer } = options;
  const read: Reader = { runtime: name, wanted: labels };
  const open = (path: string, signal: AbortSignal) =>
    openAt({ socketPath: socket, path, agent: false, signal, headers: { host: 'localhost' } }, patience);
  const readBody = (answer: IncomingMessage, longest: number) =>
    readAll(checked(answer), { longest, deadline: patience });
  return {
    name,
    socket,
    mayKnow: (runtime) => runtime === undefined || runtime === name,
    async find(id, signal) {
      const answer = await open(`/containers/${encodeURIComponent(id)}/json`, signal);
      if (answer.statusCode === 404) {
        answer.resume();
        return undefined;
      }
      return readInspection(parseObject(await readBody(answer, LONGEST.container)), read);
    },
    async watch(events, signal) {
      const ended = new AbortController();
      const either = AbortSignal.any([signal, ended.signal]);
      try {
        // `since`: what happens between the head of the answer and their beginning to listen.
        const filters = JSON.stringify({ type: ['container'], event: ['create', 'start', 'rename'] });
        const since = Math.floor(Date.now() / 1000);
        const answer = await open(`/events?since=${since}&filters=${encodeURIComponent(filters)}`, either);
        events.onConnected();
        const list = await readBody(await open('/containers/json', either), LONGEST.list);
        for (const [id, found] of readList(list, read)) events.onFound(id, found);
        await readLines(checked(answer), LONGEST.event, (line) => tell(parseObject(line), read, events));
      } finally {
        ended.abort();
      }
    },
  };
}

function checked(answer: IncomingMessage): IncomingMessage {
  if (answer.statusCode === 200) return answer;
  answer.destroy();
  throw new Error(`HTTP status ${answer.statusCode}`);
}

function tell(event: Fields, read: Reader, events: RuntimeEvents): void {
  const actor = fieldsOf(event.Actor);
  const attributes = fieldsOf(actor.Attributes);
  const id = textOf(actor.ID);
  if (id && attributes.name) events.onFound(id, readEvent(attributes, read));
}

/** What an answer is read for. */
interface Reader {
  readonly runtime: 'docker' | 'podman';
  readonly wanted: readonly string[];
}

function readInspection(container: Fields, read: Reader): Found {
  const config = fieldsOf(container.Config);
  return found(textOf(container.Name), textOf(config.Image), fieldsOf(config.Labels), read);
}

/** Without those whose image it gives as a bare id: inspecting them says more. */
function readList(text: string, read: Reader): [string, Found][] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error('no list of containers');
  return listOf(list).flatMap((container) => {
    const id = textOf(container.Id);
    const names: unknown[] = Array.isArray(container.Names) ? container.Names : [];
    // `/other/alias` is what a linked container calls it.
    const name = names.map(textOf).find((one) => one?.lastIndexOf('/') === 0) ?? textOf(names[0]);
    const entry = found(name, textOf(container.Image), fieldsOf(container.Labels), read);
    return id && entry.container.imageName ? [[id, entry]] : [];
  });
}

/** Labels stand among the rest there, which wins. */
function readEvent({ name, image, ...labels }: Fields, read: Reader): Found {
  return found(textOf(name), textOf(image), labels, read);
}

function found(
  name: string | undefined,
  image: string | undefined,
  labels: Fields,
  { runtime, wanted }: Reader,
): Found {
  const label = (key: string) => (Object.hasOwn(labels, key) ? textOf(labels[key]) : undefined);
  const parsed = image === undefined ? undefined : parseImage(image);
  const picked = wanted.flatMap((key) => {
    const value = label(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    container: {
      runtime,
      name: name?.replace(/^\//, ''),
      ...(parsed && { imageName: parsed.name, imageTags: parsed.tags }),
      ...(picked.length > 0 && { labels: Object.fromEntries(picked) }),
      composeProject: label('com.docker.compose.project'),
      composeService: label('com.docker.compose.service'),
      podContainerName: label('io.kubernetes.container.name'),
    },
    pod: podOf(label),
  };
}

/** What Kubernetes writes on containers that it has Docker run. */
function podOf(label: (key: string) => string | undefined): Found['pod'] {
  const uid = label('io.kubernetes.pod.uid');
  const name = label('io.kubernetes.pod.name');
  const namespace = label('io.kubernetes.pod.namespace');
  return uid && name && namespace ? { uid, name, namespace } : undefined;
}

/** Throws for what is no object. */
function parseObject(text: string): Fields {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no JSON object');
  return value as Fields;
}
