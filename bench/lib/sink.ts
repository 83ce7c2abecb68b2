/** An OTLP/gRPC server that takes all records, counts them and keeps none; it can be away for a while. */
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { readFields } from '../../src/export/otlp/fields.ts';
import { ok } from './plays.ts';

export class Sink {
  records = 0;
  #port = 0;
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();

  /** Listens again after it was away, at the same port. */
  async come(): Promise<void> {
    const server = createServer();
    this.#server = server;
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.once('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream) => this.#receive(stream));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** What was taken has been answered; nothing comes any more. */
  async leave(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const session of this.#sessions) session.close();
    await closed;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  #receive(stream: ServerHttp2Stream): void {
    const parts: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const body = Buffer.concat(parts);
      if (body.length < 5 || body.length !== 5 + body.readUInt32BE(1)) return; // the client has given it up
      this.records += recordsOf(body.subarray(5));
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.end(ok(0));
    });
  }
}

/** ExportLogsServiceRequest { resource_logs = 1 { scope_logs = 2 { log_records = 2 } } } */
function recordsOf(request: Uint8Array): number {
  let count = 0;
  for (const resource of children(request, 1)) {
    for (const scope of children(resource, 2)) {
      for (const _ of children(scope, 2)) count++;
    }
  }
  return count;
}

function* children(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  for (const { number, content, end } of readFields(message)) {
    if (number === wanted) yield message.subarray(content, end);
  }
}
