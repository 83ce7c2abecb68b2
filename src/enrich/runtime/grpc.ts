/** Calls to a gRPC server on a unix socket: what container runtimes speak. */
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

/** A call as it is on the wire. */
export interface Method<Answer> {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Throws for what is no such answer. */
  readonly decode: (bytes: Uint8Array) => Answer;
}

export interface Connection {
  /** Rejects with a CallError when there is no answer within the deadline, none at all, or none that can be read. */
  call<Answer>(method: Method<Answer>, request: Uint8Array, headers?: Headers): Promise<Answer>;
  /** `onEnd` is called once, when the stream is over for whatever reason, with what is wrong. */
  stream<Answer>(method: Method<Answer>, request: Uint8Array, listeners: Listeners<Answer>): () => void;
  close(): void;
}

export type Headers = Readonly<Record<string, string>>;

export interface Listeners<Answer> {
  onData(answer: Answer): void;
  onEnd(error: CallError): void;
}

/**
 * Why a call failed. `absent`: the server is there, and says that it doesn't know what was asked for. `over`: a stream was
 * ended by the server, in order.
 */
export class CallError extends Error {
  readonly kind: 'absent' | 'unbuilt' | 'refused' | 'late' | 'unreachable' | 'malformed' | 'over' | 'other';

  constructor(kind: CallError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Bytes of one answer: a list of some thousand containers is about 10 MB. */
const LONGEST_ANSWER = 32 * 2 ** 20;

/** `deadline`: milliseconds for each call. Connects at the first call, and again by itself when the server comes back. */
export function connect(socket: string, deadline: number): Connection {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    // Servers in Go refuse the name that would be made of the path.
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': LONGEST_ANSWER,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 10_000,
    // One client a socket: what one breaks, another one needn't see.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
  });
  return {
    call: (method, request, headers = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          toBuffer,
          method.decode,
          request,
          metadata(headers),
          { deadline: Date.now() + deadline },
          (error, answer) => (error || answer === undefined ? reject(explain(error)) : resolve(answer)),
        );
      }),
    stream(method, request, listeners) {
      const call = client.makeServerStreamRequest(method.path, toBuffer, method.decode, request, metadata({}));
      return follow(call, listeners);
    },
    close: () => client.close(),
  };
}

function follow<Answer>(call: ClientReadableStream<Answer>, { onData, onEnd }: Listeners<Answer>): () => void {
  let isOver = false;
  const end = (error: CallError) => {
    if (!isOver) onEnd(error);
    isOver = true;
  };
  call.on('data', onData);
  call.on('error', (error: ServiceError) => end(explain(error)));
  call.on('end', () => end(new CallError('over', 'the stream ended')));
  return () => {
    isOver = true;
    call.cancel();
  };
}

const toBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function metadata(headers: Headers): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(headers)) made.set(name, value);
  return made;
}

const kinds: Readonly<Partial<Record<status, CallError['kind']>>> = {
  [status.NOT_FOUND]: 'absent',
  [status.UNIMPLEMENTED]: 'unbuilt',
  [status.PERMISSION_DENIED]: 'refused',
  [status.UNAUTHENTICATED]: 'refused',
  [status.DEADLINE_EXCEEDED]: 'late',
  [status.UNAVAILABLE]: 'unreachable',
  [status.INTERNAL]: 'malformed',
};

function explain(error: ServiceError | null): CallError {
  if (!error) return new CallError('malformed', 'no answer');
  return new CallError(kinds[error.code] ?? 'other', error.details.slice(0, 500));
}
