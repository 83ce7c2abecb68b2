/**
 * Where and how one signal is sent: what the user gave as options, then OTEL_EXPORTER_OTLP_<SIGNAL>_*, then
 * OTEL_EXPORTER_OTLP_*, then the specification's default.
 */
import type { Options } from '../../cli/options.ts';

export const protocols = ['grpc', 'http/protobuf', 'http/json'] as const;
export type Protocol = (typeof protocols)[number];

export type Signal = 'LOGS' | 'METRICS' | 'TRACES';

/** Given by the user; what is absent comes from OTEL_EXPORTER_OTLP_*, then from the specification. */
export interface OtlpOptions {
  /** http://HOST:PORT (plain), https://HOST:PORT (TLS) or unix:///PATH; over HTTP also with a path before /v1/logs. */
  readonly endpoint?: string | undefined;
  readonly protocol?: Protocol | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs?: number | undefined;
  readonly compression?: 'gzip' | 'none' | undefined;
  /** Paths of PEM files. */
  readonly certificate?: string | undefined;
  readonly clientCertificate?: string | undefined;
  readonly clientKey?: string | undefined;
}

/** A file, and the name that a message has to blame for it. */
export interface NamedFile {
  readonly path: string;
  readonly source: string;
}

export interface Settings {
  readonly signal: Signal;
  readonly protocol: Protocol;
  /** For messages: as the user wrote it. */
  readonly endpoint: string;
  /** Of HTTP with the path of the signal. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  /** False: plain text. */
  readonly tls: boolean;
  readonly certificate: NamedFile | undefined;
  readonly clientCertificate: NamedFile | undefined;
  readonly clientKey: NamedFile | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_TIMEOUT = 10_000;
const paths = { LOGS: 'v1/logs', METRICS: 'v1/metrics', TRACES: 'v1/traces' } as const;

/** Throws an Error of one line when the endpoint, a header or another value is no good. */
export function readSettings(options: OtlpOptions, signal: Signal, env: Environment = process.env): Settings {
  const read = (name: string) => readVariable(env, signal, name);
  const protocol = options.protocol ?? readProtocol(read('PROTOCOL'));
  const endpoint = readEndpoint(options, signal, env, protocol);
  const file = (path: string | undefined, option: string, name: string): NamedFile | undefined =>
    path === undefined ? read(name) && toFile(read(name)) : { path, source: option };
  return {
    signal,
    protocol,
    endpoint: endpoint.text,
    url: endpoint.url,
    headers: readHeaders(options, signal, env),
    timeoutMs: options.timeoutMs ?? readTimeout(read('TIMEOUT')),
    compression: options.compression ?? readCompression(read('COMPRESSION')),
    tls: endpoint.url.protocol === 'https:',
    certificate: file(options.certificate, '--otlp-certificate', 'CERTIFICATE'),
    clientCertificate: file(options.clientCertificate, '--otlp-client-certificate', 'CLIENT_CERTIFICATE'),
    clientKey: file(options.clientKey, '--otlp-client-key', 'CLIENT_KEY'),
  };
}

interface Variable {
  readonly text: string;
  readonly source: string;
  /** The one of the signal, not the general one. */
  readonly isSpecific: boolean;
}

/** Empty counts as not set, as the specification has it. */
function readVariable(env: Environment, signal: Signal, name: string): Variable | undefined {
  const sources = [`OTEL_EXPORTER_OTLP_${signal}_${name}`, `OTEL_EXPORTER_OTLP_${name}`] as const;
  for (const source of sources) {
    const text = env[source]?.trim();
    if (text) return { text, source, isSpecific: source === sources[0] };
  }
  return undefined;
}

function toFile(variable: Variable | undefined): NamedFile | undefined {
  return variable && { path: variable.text, source: variable.source };
}

function readProtocol(variable: Variable | undefined): Protocol {
  if (variable === undefined) return 'grpc';
  const protocol = protocols.find((one) => one === variable.text);
  if (protocol) return protocol;
  throw new Error(`${variable.source} expects one of ${protocols.join(', ')}, not "${variable.text}"`);
}

function readTimeout(variable: Variable | undefined): number {
  if (variable === undefined) return DEFAULT_TIMEOUT;
  const timeout = Number(variable.text);
  if (timeout > 0 && timeout < 2 ** 31) return timeout;
  throw new Error(`${variable.source} expects a number of milliseconds above 0, not "${variable.text}"`);
}

function readCompression(variable: Variable | undefined): 'gzip' | 'none' {
  const text = variable?.text ?? 'none';
  if (text === 'gzip' || text === 'none') return text;
  throw new Error(`${variable?.source} expects gzip or none, not "${text}"`);
}

/** Those of the signal beat the general ones, the user's beat both. */
function readHeaders({ headers = {} }: OtlpOptions, signal: Signal, env: Environment): Record<string, string> {
  const general = readHeaderVariable(env, 'OTEL_EXPORTER_OTLP_HEADERS');
  const specific = readHeaderVariable(env, `OTEL_EXPORTER_OTLP_${signal}_HEADERS`);
  checkHeaders(headers, '--otlp-header');
  const all = Object.entries({ ...general, ...specific, ...headers });
  return Object.fromEntries(all.map(([name, value]) => [name.toLowerCase(), value]));
}

/** What is no pair may be a token, whose owner believes that it is sent. */
function readHeaderVariable(env: Environment, source: string): Record<string, string> {
  const parts = (env[source] ?? '').split(',').filter((part) => part.trim() !== '');
  const wrong = parts.findIndex((part) => !/^\s*[^=\s][^=]*=/.test(part));
  if (wrong >= 0)
    throw new Error(
      `${source} expects pairs such as tenant=blue,site=a; of its ${parts.length}, number ${wrong + 1} is none`,
    );
  const headers = readPairs(parts.join(','));
  checkHeaders(headers, source);
  return headers;
}

/** A value may be a secret, and so may what stands where a name should. */
function checkHeaders(headers: Readonly<Record<string, string>>, source: string): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w.-]+$/.test(name)) throw new Error(`${source} expects names of letters, digits, - _ . for its headers`);
    if (!/^[\x20-\x7e]*$/.test(value))
      throw new Error(`${source} expects a name and a value of plain ASCII, not what was given for "${name}"`);
  }
}

/** `key=value,key=value`, percent-encoded, as headers and resource attributes are given. What is no pair is left out. */
export function readPairs(text = ''): Record<string, string> {
  const pairs = text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    return [decode(pair.slice(0, Math.max(at, 0))), decode(pair.slice(at + 1))] as const;
  });
  return Object.fromEntries(pairs.filter(([key]) => key !== ''));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return text.trim();
  }
}

interface Endpoint {
  readonly text: string;
  readonly url: URL;
}

function readEndpoint(options: OtlpOptions, signal: Signal, env: Environment, protocol: Protocol): Endpoint {
  const variable = options.endpoint === undefined ? readVariable(env, signal, 'ENDPOINT') : undefined;
  const isGrpc = protocol === 'grpc';
  const given = options.endpoint ?? variable?.text ?? (isGrpc ? 'http://localhost:4317' : 'http://localhost:4318');
  const source = options.endpoint === undefined ? (variable?.source ?? '') : '--otlp-endpoint';
  const text = options.endpoint === undefined && isGrpc ? withScheme(given, signal, env) : given;
  validateEndpoint(text, source, protocol);
  const url = new URL(text);
  // Without a port gRPC would take 80 or 443, which is only right with TLS.
  if (isGrpc && url.protocol === 'http:' && !/:\d+\/?$/.test(text)) url.port = '4317';
  // Of the variable of one signal the path is taken as it is: so says the specification.
  if (!isGrpc && url.protocol !== 'unix:' && !variable?.isSpecific)
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${paths[signal]}`;
  return { text, url };
}

/** gRPC endpoints may come without a scheme in the variables; OTEL_EXPORTER_OTLP_INSECURE then says which. */
function withScheme(text: string, signal: Signal, env: Environment): string {
  if (/^(unix:|https?:\/\/)/.test(text)) return text;
  const insecure = readVariable(env, signal, 'INSECURE')?.text.toLowerCase() === 'true';
  return `${insecure ? 'http' : 'https'}://${text}`;
}

const shapes = 'http://HOST:PORT, https://HOST:PORT or unix:///PATH';
const without = 'without user, password or query';

/** Whether a text that should be a URL, but need not be one, may have a user and password or a token in it. */
export function mayHaveSecret(text: string): boolean {
  return /[@?#]/.test(text);
}

/** Throws an Error of one line that names the option, what was expected and what came. */
export function validateEndpoint(endpoint: string, option = '--otlp-endpoint', protocol: Protocol = 'grpc'): void {
  const url = URL.parse(endpoint);
  const isGood = url && (url.protocol === 'unix:' ? url.pathname.length > 1 : isPlainUrl(url));
  if (!isGood && mayHaveSecret(endpoint)) throw new Error(`${option} expects ${shapes}, ${without}`);
  if (!isGood) throw new Error(`${option} expects ${shapes}, not "${endpoint}"`);
  if (protocol === 'grpc' && url.protocol !== 'unix:' && url.pathname !== '/')
    throw new Error(`${option} expects ${shapes} without a path for grpc, not "${endpoint}"`);
}

/** Of HTTP, with nothing in it that doesn't say where a server is: what is secret belongs into a header. */
export function isPlainUrl({ protocol, hostname, username, password, search, hash }: URL): boolean {
  return /^https?:$/.test(protocol) && hostname !== '' && !(username || password || search || hash);
}

/** Of HTTP over a socket of the file system, which has no place for a path in its URL. */
export function requestPath({ url, signal }: Settings): string {
  return url.protocol === 'unix:' ? `/${paths[signal]}` : url.pathname;
}

/** `service.name` of the agent itself. */
export function readOwnServiceName(env: Environment = process.env): string | undefined {
  return env.OTEL_SERVICE_NAME?.trim() || readPairs(env.OTEL_RESOURCE_ATTRIBUTES)['service.name'] || undefined;
}

const DEFAULT_DELAY = 1_000;

/** Milliseconds that an item waits for its batch. Throws an Error of one line when the variable is no good. */
export function readDelay(
  variable: 'OTEL_BLRP_SCHEDULE_DELAY' | 'OTEL_BSP_SCHEDULE_DELAY',
  env: Environment = process.env,
): number {
  const text = env[variable]?.trim();
  if (!text) return DEFAULT_DELAY;
  const delay = Number(text);
  if (delay >= 0 && delay < 2 ** 31) return delay;
  throw new Error(`${variable} expects a number of milliseconds, not "${text}"`);
}

/** From the command line. */
export function toOtlpOptions(options: Options): OtlpOptions {
  return {
    endpoint: options.otlpEndpoint,
    protocol: options.otlpProtocol,
    headers: options.otlpHeader,
    timeoutMs: options.otlpTimeout,
    compression: options.otlpCompression,
    certificate: options.otlpCertificate,
    clientCertificate: options.otlpClientCertificate,
    clientKey: options.otlpClientKey,
  };
}
