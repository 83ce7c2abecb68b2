/** An OTLP/gRPC server for tests that answers by a script and keeps what it accepted. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type status,
} from '@grpc/grpc-js';
import { createConditions } from './conditions.ts';
import { encodeResponse } from './otlp-decode.ts';
import { inTime } from './processes.ts';

/** One answer: a status to fail with, a partial success, `hang` for none at all; otherwise the request is accepted. */
export type Answer = 'ok' | 'hang' | { code: status; details?: string } | { rejected: number; message: string };

export interface OtlpServer {
  readonly endpoint: string;
  /** Bodies of the requests that were accepted, a partial success included. */
  readonly accepted: Buffer[];
  /** Metadata of all requests. */
  readonly metadata: Metadata[];
  /** Resolves when `count` requests have come, answered or not. */
  requests(count: number): Promise<void>;
  /** Resolves when `test` holds after some request. */
  until(test: () => boolean): Promise<void>;
  stop(): void;
}

export interface ServerOptions {
  /** Answers to the first requests; then `ok`. */
  readonly script?: readonly Answer[];
  /** HOST:PORT or unix:///PATH; default: any free port. */
  readonly address?: string;
  readonly service?: 'logs' | 'metrics' | 'traces';
  readonly credentials?: ServerCredentials;
  /** Bytes of the largest request that it takes. Default 8 MiB. */
  readonly largest?: number;
}

const paths = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

const asIs = (bytes: Buffer) => bytes;

export async function startOtlpServer(options: ServerOptions = {}): Promise<OtlpServer> {
  const { script = [], address = '127.0.0.1:0', service = 'logs', largest = 8 * 1024 * 1024 } = options;
  const accepted: Buffer[] = [];
  const metadata: Metadata[] = [];
  const conditions = createConditions();
  let requests = 0;

  const handle = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    metadata.push(call.metadata);
    const answer = script[requests++] ?? 'ok';
    if (answer === 'ok' || (typeof answer === 'object' && 'rejected' in answer)) accepted.push(call.request);
    reply(answer, done);
    conditions.changed();
  };

  const server = new Server({ 'grpc.max_receive_message_length': largest });
  server.addService(
    {
      export: {
        path: paths[service],
        requestStream: false,
        responseStream: false,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    { export: handle },
  );
  const port = await bind(server, address, options.credentials ?? ServerCredentials.createInsecure());

  const until = (test: () => boolean) => {
    return inTime(conditions.until(test), () => `${requests} requests, ${accepted.length} accepted; wanted: ${test}`);
  };
  return {
    endpoint: address.startsWith('unix:') ? address : `http://127.0.0.1:${port}`,
    accepted,
    metadata,
    requests: (count) => until(() => requests >= count),
    until,
    stop: () => server.forceShutdown(),
  };
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function reply(answer: Answer, done: sendUnaryData<Buffer>): void {
  if (answer === 'hang') return;
  if (answer === 'ok') done(null, Buffer.from(encodeResponse()));
  else if ('rejected' in answer) done(null, Buffer.from(encodeResponse(answer.rejected, answer.message)));
  else done({ code: answer.code, details: answer.details ?? 'scripted' });
}
