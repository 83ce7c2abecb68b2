/** A container runtime for tests: CRI and containerd's own API on a unix socket, with answers from a script. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type status,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** What a call is answered with: a message, bytes as they are, a failure, or nothing at all. */
export type RuntimeAnswer =
  | Readonly<Record<string, unknown>>
  | Uint8Array
  | { readonly code: status; readonly details?: string }
  | 'hang';

/** By the short name of a method: `ListContainers`, `Get`. What isn't there is unimplemented. */
export type RuntimeScript = Readonly<
  Record<string, (request: Record<string, unknown>, metadata: Metadata) => RuntimeAnswer>
>;

export interface RuntimeServer {
  /** Short names of the methods that were called, in order. */
  readonly calls: string[];
  /** Tells all subscribers of an event. */
  publish(event: { readonly namespace: string; readonly topic: string; readonly id: string }): void;
  /** The same by the runtime interface: a message of its stream, or bytes as they are. */
  publishCri(event: Readonly<Record<string, unknown>> | Uint8Array): void;
  /** Ends the streams of the runtime interface in order. */
  endCri(): void;
  /** Resolves when somebody has subscribed to containerd's own events, or to those of the runtime interface. */
  subscribed(): Promise<void>;
  /** As when the runtime is killed. */
  stop(): void;
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Nothing {}
  message Meta { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
  message Image { string image = 1; string user_specified_image = 18; }
  message Filter { string id = 1; }
  message VersionAnswer { string version = 1; string runtime_name = 2; string runtime_version = 3; string runtime_api_version = 4; }
  message ListQuestion { Filter filter = 1; }
  message CriMeta { string name = 1; uint32 attempt = 2; }
  message CriContainer {
    string id = 1; string pod_sandbox_id = 2; CriMeta metadata = 3; Image image = 4; string image_ref = 5; int32 state = 6;
    int64 created_at = 7; map<string, string> labels = 8; map<string, string> annotations = 9;
  }
  message ListAnswer { repeated CriContainer containers = 1; }
  message StatusQuestion { string id = 1; }
  message ContainerStatus { string id = 1; CriMeta metadata = 2; int64 created_at = 4; fixed64 odd = 99; Image image = 8; }
  message ContainerAnswer { ContainerStatus status = 1; }
  message PodStatus { string id = 1; Meta metadata = 2; map<string, string> labels = 7; map<string, string> annotations = 8; }
  message PodAnswer { PodStatus status = 1; }
  message Namespace { string name = 1; }
  message NamespacesAnswer { repeated Namespace namespaces = 1; }
  message Any { string type_url = 1; bytes value = 2; }
  message Container { string id = 1; map<string, string> labels = 2; string image = 3; Any spec = 5; }
  message GetAnswer { Container container = 1; }
  message ContainersAnswer { repeated Container containers = 1; }
  message Envelope { string namespace = 2; string topic = 3; Any event = 4; }
  message Event { string id = 1; }
  message ToldStatus { string id = 1; CriMeta metadata = 2; int64 created_at = 4; Image image = 8; map<string, string> labels = 12; }
  message CriEvent {
    string container_id = 1; int32 container_event_type = 2; int64 created_at = 3; PodStatus pod_sandbox_status = 4;
    repeated ToldStatus containers_statuses = 5;
  }
`);

const cri = '/runtime.v1.RuntimeService/';
const containerd = '/containerd.services.';
const methods = {
  Version: { path: `${cri}Version`, question: 'Nothing', answer: 'VersionAnswer' },
  ListContainers: { path: `${cri}ListContainers`, question: 'ListQuestion', answer: 'ListAnswer' },
  ContainerStatus: { path: `${cri}ContainerStatus`, question: 'StatusQuestion', answer: 'ContainerAnswer' },
  PodSandboxStatus: { path: `${cri}PodSandboxStatus`, question: 'StatusQuestion', answer: 'PodAnswer' },
  Namespaces: { path: `${containerd}namespaces.v1.Namespaces/List`, question: 'Nothing', answer: 'NamespacesAnswer' },
  Get: { path: `${containerd}containers.v1.Containers/Get`, question: 'StatusQuestion', answer: 'GetAnswer' },
  List: { path: `${containerd}containers.v1.Containers/List`, question: 'Nothing', answer: 'ContainersAnswer' },
};

/** Which streams of events it has; what it does not have is unimplemented. */
export interface RuntimeStreams {
  readonly own?: boolean;
  readonly cri?: boolean;
}

type Stream = ServerWritableStream<Buffer, Buffer>;

export async function startRuntimeServer(
  socket: string,
  script: RuntimeScript,
  { own = true, cri: hasCri = false }: RuntimeStreams = {},
): Promise<RuntimeServer> {
  const calls: string[] = [];
  const streams = { own: new Set<Stream>(), cri: new Set<Stream>() };
  const waiting: (() => void)[] = [];
  const server = new Server({ 'grpc.max_send_message_length': -1 });
  for (const [name, { path, question, answer }] of Object.entries(methods)) {
    const handler = script[name];
    if (!handler) continue;
    const handle = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      calls.push(name);
      const request = decodeMessage(question, call.request);
      reply(handler(request, call.metadata), (made) => encodeMessage(answer, made), done);
    };
    server.addService({ [name]: definition(path, false) }, { [name]: handle });
  }
  const subscribeTo = (listeners: Set<Stream>) => (call: Stream) => {
    listeners.add(call);
    call.on('cancelled', () => listeners.delete(call));
    for (const resolve of waiting.splice(0)) resolve();
  };
  const serve = (name: string, path: string, listeners: Set<Stream>) =>
    server.addService({ [name]: definition(path, true) }, { [name]: subscribeTo(listeners) });
  if (own) serve('Subscribe', `${containerd}events.v1.Events/Subscribe`, streams.own);
  if (hasCri) serve('GetContainerEvents', `${cri}GetContainerEvents`, streams.cri);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    calls,
    publish({ namespace, topic, id }) {
      const event = { type_url: 'containerd.events', value: encodeMessage('Event', { id }) };
      for (const stream of streams.own) stream.write(encodeMessage('Envelope', { namespace, topic, event }));
    },
    publishCri(event) {
      const bytes = event instanceof Uint8Array ? Buffer.from(event) : encodeMessage('CriEvent', event);
      for (const stream of streams.cri) stream.write(bytes);
    },
    endCri() {
      for (const stream of streams.cri) stream.end();
    },
    subscribed: () =>
      streams.own.size + streams.cri.size > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    stop: () => server.forceShutdown(),
  };
}

function definition(path: string, responseStream: boolean) {
  const asIs = (bytes: Buffer) => bytes;
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

function reply(
  answer: RuntimeAnswer,
  encode: (message: Readonly<Record<string, unknown>>) => Buffer,
  done: sendUnaryData<Buffer>,
): void {
  if (answer === 'hang') return;
  if (answer instanceof Uint8Array) done(null, Buffer.from(answer));
  else if (typeof answer.code === 'number') done({ code: answer.code, details: String(answer.details ?? 'scripted') });
  else done(null, encode(answer as Readonly<Record<string, unknown>>));
}

function encodeMessage(type: string, message: Readonly<Record<string, unknown>>): Buffer {
  const known = root.lookupType(type);
  // The names of the fields in the text above have underscores, which protobufjs takes out.
  return Buffer.from(known.encode(known.fromObject(camelCase(message))).finish());
}

function decodeMessage(type: string, bytes: Uint8Array): Record<string, unknown> {
  const known = root.lookupType(type);
  return known.toObject(known.decode(bytes), { defaults: true }) as Record<string, unknown>;
}

/** Names of fields only; keys of maps have dots and slashes, or are in a map. */
function camelCase(value: unknown): Record<string, unknown> {
  const convert = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(convert);
    if (one === null || typeof one !== 'object' || one instanceof Uint8Array) return one;
    return Object.fromEntries(
      Object.entries(one).map(([key, part]) => [
        key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        ['labels', 'annotations'].includes(key) ? part : convert(part),
      ]),
    );
  };
  return convert(value) as Record<string, unknown>;
}
