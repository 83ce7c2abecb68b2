/** The bare bones of an OTLP/gRPC server for records that can be away for a while: whole requests come in, answers go out. */
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { readFields } from '../../src/export/otlp/fields.ts';

export interface ListenerOptions {
  /** A whole request, without the prefix of gRPC. */
  readonly onRequest: (request: Uint8Array, stream: ServerHttp2Stream) => void;
  /** A connection is over, by whom ever. */
  readonly onGone?: (session: ServerHttp2Session) => void;
}

export class Listener {
  port = 0;
  readonly #options: ListenerOptions;
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get isThere(): boolean {
    return this.#server !== undefined;
  }

  /** Listens, at the same port as before. */
  async come(): Promise<void> {
    const server = createServer({ settings: { initialWindowSize: 2 ** 23 } });
    this.#server = server;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.setLocalWindowSize(2 ** 24);
      session.once('close', () => {
        this.#sessions.delete(session);
        this.#options.onGone?.(session);
      });
    });
    server.on('stream', (stream) => this.#receive(stream));
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  /** What was taken has been answered; nothing comes any more. */
  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const session of this.#sessions) session.close();
    await closed;
  }

  /** As when it is killed: nobody listens, and all connections are gone. */
  fall(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const session of this.#sessions) session.destroy();
  }

  #receive(stream: ServerHttp2Stream): void {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const body = Buffer.concat(parts);
      if (body.length < 5 || body.length !== 5 + body.readUInt32BE(1)) return; // the client has given it up
      this.#options.onRequest(body.subarray(5), stream);
    });
  }
}

export function answer(stream: ServerHttp2Stream, message: Uint8Array, trailers: Record<string, string>): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(message);
}

/** ExportLogsServiceRequest { resource_logs = 1 { scope_logs = 2 { log_records = 2 } } } */
export function* recordsOf(request: Uint8Array): Generator<Uint8Array> {
  for (const resource of children(request, 1)) for (const scope of children(resource, 2)) yield* children(scope, 2);
}

function* children(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { number, content, end } of readFields(message))
    if (number === wanted) yield message.subarray(content, end);
}
