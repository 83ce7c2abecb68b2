/** An OTLP/HTTP server for tests that answers by a script and keeps what came. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** One answer; `hang`: none. Default: 200 and an empty message. */
export type HttpAnswer = 'hang' | { status?: number; headers?: Record<string, string>; body?: string | Uint8Array };

export interface HttpRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Decompressed. */
  readonly body: Buffer;
}

export interface OtlpHttpServer {
  readonly endpoint: string;
  readonly requests: HttpRequest[];
  stop(): void;
}

export interface HttpServerOptions {
  readonly script?: readonly HttpAnswer[];
  /** A path of the file system instead of a port. */
  readonly socket?: string;
  readonly tls?: TlsOptions;
}

export async function startOtlpHttpServer({
  script = [],
  socket,
  tls,
}: HttpServerOptions = {}): Promise<OtlpHttpServer> {
  const requests: HttpRequest[] = [];
  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const raw = Buffer.concat(parts);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    requests.push({ path: request.url ?? '', headers: request.headers, body });
    const answer = script[requests.length - 1] ?? {};
    if (answer === 'hang') return;
    response.writeHead(answer.status ?? 200, answer.headers ?? { 'content-type': 'application/x-protobuf' });
    response.end(answer.body ?? '');
  };
  const server: Server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest);
  if (socket === undefined) server.listen(0, '127.0.0.1');
  else server.listen(socket);
  await once(server, 'listening');
  const { port } = socket === undefined ? (server.address() as AddressInfo) : { port: 0 };
  return {
    endpoint: socket === undefined ? `${tls ? 'https' : 'http'}://localhost:${port}` : `unix://${socket}`,
    requests,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
