/** OTLP/gRPC: one unary call a request, its bytes as they are. */
import {
  Client,
  type ClientOptions,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { CertificateFiles } from './certificates.ts';
import type { Say } from './delivery.ts';
import { classify } from './grpc-status.ts';
import { readPartialSuccess } from './partial-success.ts';
import type { Settings, Signal } from './settings.ts';
import type { Outcome, Transport } from './transport.ts';
import { userAgent } from './user-agent.ts';

const methods: Readonly<Record<Signal, string>> = {
  LOGS: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  METRICS: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  TRACES: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

const asIs = (bytes: Buffer): Buffer => bytes;

/** Throws an Error of one line when a file is no good. */
export function createGrpcTransport(settings: Settings, say: Say): Transport {
  const { endpoint, signal, timeoutMs, tls } = settings;
  const files = tls ? new CertificateFiles(settings, say) : undefined;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(settings.headers)) metadata.set(name, value);
  const method = methods[signal];
  let client = connect(settings, files);
  const renew = () => {
    client.close();
    client = connect(settings, files);
  };
  return {
    endpoint,
    timeoutMs,
    send(request) {
      if (files?.refresh()) renew();
      // Wraps the memory, copies nothing.
      const body = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
      const deadline = Date.now() + timeoutMs;
      return new Promise((resolve) => {
        client.makeUnaryRequest(method, asIs, asIs, body, metadata, { deadline }, (error, response) =>
          resolve(judge(error, response)),
        );
      });
    },
    renew,
    close: () => client.close(),
  };
}

function connect({ url, endpoint, compression }: Settings, files: CertificateFiles | undefined): Client {
  const isSocket = url.protocol === 'unix:';
  const { ca, cert, key } = files?.current ?? {};
  const options: ClientOptions = {
    'grpc.primary_user_agent': userAgent,
    ...(compression === 'gzip' && { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip }),
    // The path of a socket is no name of a host, and servers refuse it as one.
    ...(isSocket && { 'grpc.default_authority': 'localhost' }),
    // Channels with the same target and options share their connections otherwise, and a new one would not be new.
    'grpc.use_local_subchannel_pool': 1,
  };
  const trust = files ? credentials.createSsl(ca ?? null, key ?? null, cert ?? null) : credentials.createInsecure();
  return new Client(isSocket ? endpoint : hostAndPort(url), trust, options);
}

function hostAndPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
}

function judge(error: ServiceError | null, response: Buffer | undefined): Outcome {
  return error ? classify(error) : { status: 'accepted', ...readPartialSuccess(response ?? Buffer.alloc(0)) };
}
