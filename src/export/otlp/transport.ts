/**
 * How OTLP leaves this host: the SDK's own gRPC transport and configuration, so that every OTEL_EXPORTER_OTLP_* of the
 * specification holds, with what the user gave as flags on top.
 */
import { readFileSync } from 'node:fs';
import type { CompressionAlgorithm, IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyOtlpGrpcOptions,
  createEmptyMetadata,
  createInsecureCredentials,
  createOtlpGrpcExportDelegate,
  createSslCredentials,
  type OTLPGRPCExporterConfigNode,
} from '@opentelemetry/otlp-grpc-exporter-base';
import { type IExportLogsServiceResponse, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { classify } from './grpc-status.ts';

/** Given by the user; what is absent comes from OTEL_EXPORTER_OTLP_*, then from the specification. */
export interface OtlpOptions {
  /** http://HOST:PORT (plain), https://HOST:PORT (TLS) or unix:///PATH. */
  readonly endpoint?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs?: number | undefined;
  readonly compression?: 'gzip' | 'none' | undefined;
  /** Paths of PEM files. */
  readonly certificate?: string | undefined;
  readonly clientCertificate?: string | undefined;
  readonly clientKey?: string | undefined;
}

export type Signal = 'LOGS' | 'METRICS';

const LOGS_METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** Throws an Error of one line that names the option, what was expected and what came. */
export function validateEndpoint(endpoint: string, option = '--otlp-endpoint'): void {
  const url = URL.parse(endpoint);
  const valid = url && (url.protocol === 'unix:' ? url.pathname.length > 1 : isWebUrl(url));
  if (!valid)
    throw new Error(`${option} expects http://HOST:PORT, https://HOST:PORT or unix:///PATH, not "${endpoint}"`);
}

function isWebUrl(url: URL): boolean {
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
}

/** Where a signal goes, for messages. */
export function describeEndpoint(options: OtlpOptions, signal: Signal): string {
  return readEndpoint(options, signal) ?? 'http://localhost:4317';
}

function readEndpoint(options: OtlpOptions, signal: Signal): string | undefined {
  return options.endpoint ?? readVariable(signal, 'ENDPOINT');
}

function readVariable(signal: Signal, name: string): string | undefined {
  const { env } = process;
  return env[`OTEL_EXPORTER_OTLP_${signal}_${name}`]?.trim() || env[`OTEL_EXPORTER_OTLP_${name}`]?.trim() || undefined;
}

/** The options of an SDK exporter. Throws an Error of one line when the endpoint, a header or a file is no good. */
export function createConfiguration(options: OtlpOptions, signal: Signal): OTLPGRPCExporterConfigNode {
  const { endpoint, timeoutMs, compression, headers } = options;
  if (endpoint !== undefined) validateEndpoint(endpoint);
  const credentials = createCredentials(options, signal);
  return {
    ...(endpoint !== undefined && { url: withPort(endpoint) }),
    ...(timeoutMs !== undefined && { timeoutMillis: timeoutMs }),
    ...(compression !== undefined && { compression: compression as CompressionAlgorithm }),
    ...(headers && { metadata: createMetadata(headers) }),
    ...(credentials && { credentials }),
  };
}

/** Without a port gRPC would take 443, which is only right with TLS. */
function withPort(endpoint: string): string {
  return /^http:\/\/(\[[^\]]*\]|[^:/[]+)\/?$/i.test(endpoint) ? `${endpoint.replace(/\/$/, '')}:4317` : endpoint;
}

function createMetadata(headers: Readonly<Record<string, string>>) {
  const metadata = createEmptyMetadata();
  for (const [key, value] of Object.entries(headers)) {
    try {
      metadata.set(key, value);
    } catch {
      // The value may be a secret.
      throw new Error(`--otlp-header expects a name and a value of plain ASCII, not what was given for "${key}"`);
    }
  }
  return metadata;
}

/** Undefined where the SDK's own choice is right: that is when no file was given and the endpoint has a scheme. */
function createCredentials(options: OtlpOptions, signal: Signal) {
  const endpoint = readEndpoint(options, signal);
  // A socket in the file system needs no TLS; the SDK would want it, as for everything that isn't http.
  if (endpoint?.startsWith('unix:')) return createInsecureCredentials();
  const { certificate, clientCertificate, clientKey } = options;
  if (certificate === undefined && clientCertificate === undefined && clientKey === undefined) return undefined;
  if (endpoint === undefined || endpoint.startsWith('http:')) return undefined;
  return createSslCredentials(
    readPem(certificate, '--otlp-certificate', signal, 'CERTIFICATE'),
    readPem(clientKey, '--otlp-client-key', signal, 'CLIENT_KEY'),
    readPem(clientCertificate, '--otlp-client-certificate', signal, 'CLIENT_CERTIFICATE'),
  );
}

function readPem(path: string | undefined, option: string, signal: Signal, variable: string): Buffer | undefined {
  const file = path ?? readVariable(signal, variable);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new Error(`${option} expects a PEM file that can be read, not "${file}" (${code})`, { cause });
  }
}

/** The server took the request. */
export interface Accepted {
  readonly status: 'accepted';
  /** Items of it that the server rejected for good (partial success), and its words; 0 and empty when all is well. */
  readonly rejected: number;
  readonly message: string;
}

/** The server did not take the request, or nobody knows whether it did. */
export interface Refused {
  /** `retry`: the same bytes may pass later. `drop`: they never will. `split`: too large; less at a time may pass. */
  readonly status: 'retry' | 'drop' | 'split';
  /** For the ledger, in snake_case, low cardinality: name of the gRPC status, `http_404`, `not_otlp` … */
  readonly reason: string;
  /** One line for the log: the server's words, or what they are taken to mean. */
  readonly message: string;
  /** When the server wants to be asked again, if it said so (RetryInfo, Retry-After). */
  readonly retryAfterMs: number | undefined;
}

/** What came of one request. */
export type Outcome = Accepted | Refused;

/**
 * One signal's way to one server, whatever the protocol. It neither queues nor tries again: that is the caller's, who
 * also bounds how many requests are under way.
 */
export interface Transport {
  /** Where it goes, for messages. */
  readonly endpoint: string;
  /**
   * Sends the protobuf bytes of one Export…ServiceRequest; they must not change any more. Never rejects. Connects when
   * it has to. After `close` the outcome of what is under way may be anything or never come.
   */
  send(request: Uint8Array<ArrayBuffer>): Promise<Outcome>;
  /** New connections for what is sent from now on; what is under way ends on the old ones or as `retry`. */
  renew(): void;
  close(): void;
}

/** Throws an Error of one line when the endpoint, a header or a file is no good; an absent server is no error. */
export function createTransport(options: OtlpOptions, signal: Signal): Transport {
  const configuration = createConfiguration(options, signal);
  let channel = createLogsChannel(configuration);
  return {
    endpoint: describeEndpoint(options, signal),
    send: (request) => channel.send(request),
    renew() {
      channel.close();
      channel = createLogsChannel(configuration);
    },
    close: () => channel.close(),
  };
}

interface Channel {
  send(request: Uint8Array<ArrayBuffer>): Promise<Outcome>;
  close(): void;
}

/** The SDK's own limit of requests is left at 30, since it counts one until shortly after its end, and what comes beyond fails. */
function createLogsChannel(configuration: OTLPGRPCExporterConfigNode): Channel {
  let response: IExportLogsServiceResponse | undefined;
  const delegate = createDelegate(configuration, (latest) => {
    response = latest;
  });
  return {
    send: (request) =>
      new Promise((resolve) => {
        delegate.export(request, ({ code, error }) => {
          // The SDK reads a response and reports it in the same step, so it is this request's.
          const { rejectedLogRecords = 0, errorMessage = '' } = response?.partialSuccess ?? {};
          response = undefined;
          if (code === 0) resolve({ status: 'accepted', rejected: Number(rejectedLogRecords), message: errorMessage });
          else resolve(classify(error));
        });
      }),
    close: () => void delegate.shutdown().catch(() => undefined),
  };
}

function createDelegate(
  configuration: OTLPGRPCExporterConfigNode,
  onResponse: (response: IExportLogsServiceResponse) => void,
): IOtlpExportDelegate<Uint8Array<ArrayBuffer>> {
  const serializer = {
    // The transport does Buffer.from(request), which copies an array but only wraps its memory. Each megabyte that is not
    // allocated counts twice: memory outside of the heap is what makes the collector of garbage run.
    serializeRequest: (request: Uint8Array<ArrayBuffer>) => request.buffer as unknown as Uint8Array,
    deserializeResponse(data: Uint8Array) {
      const response = ProtobufLogsSerializer.deserializeResponse(data);
      onResponse(response);
      return response;
    },
  };
  return createOtlpGrpcExportDelegate(
    convertLegacyOtlpGrpcOptions(configuration, 'LOGS'),
    serializer,
    'otlp_grpc_log_exporter',
    { name: 'log', countItems: () => 1 },
    undefined,
    'LogsExportService',
    LOGS_METHOD,
  );
}
