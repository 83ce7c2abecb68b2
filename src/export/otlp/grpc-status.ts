/** What a failed request means: whether to try again, under which name it is counted, and what is said about it. */

const names = [
  'ok',
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const;

/** Those that the OTLP specification calls retryable. */
const retryable = new Set<string>([
  'cancelled',
  'deadline_exceeded',
  'resource_exhausted',
  'aborted',
  'out_of_range',
  'unavailable',
  'data_loss',
]);

export interface Failure {
  /** Name of the gRPC status in snake_case; `not_grpc` when the answer wasn't gRPC at all. */
  readonly reason: string;
  readonly retryable: boolean;
  /** One line for the log: the server's words, or what they are taken to mean. */
  readonly message: string;
}

/** The SDK's error to what is done about it. `error` may be anything. */
export function classify(error: unknown): Failure {
  const { code, details, message } = (error ?? {}) as { code?: unknown; details?: unknown; message?: unknown };
  const reason = (typeof code === 'number' ? names[code] : undefined) ?? 'unknown';
  const words = firstLine(String(details ?? message ?? error));
  if (isWebPage(words)) return { reason: 'not_grpc', retryable: false, message: notGrpc(words) };
  // May be a server that has yet to come up behind the same address, so it is tried again.
  if (isOtherProtocol(words)) return { reason: 'not_grpc', retryable: true, message: notGrpc(words) };
  return { reason, retryable: retryable.has(reason), message: `${reason.toUpperCase()}: ${simplify(words)}` };
}

/** HTTP/2 with a page: its first bytes are read as a length, `html` being 1752460652; or a status without gRPC's. */
function isWebPage(words: string): boolean {
  return /^Received message larger than max|^Received HTTP status code (?!429|502|503|504)/.test(words);
}

/** HTTP/1.1 or anything else that answers a preface of HTTP/2 with its own. */
function isOtherProtocol(words: string): boolean {
  return /Last error: (Error: )?Protocol error|wrong version number|packet length too long/i.test(words);
}

function notGrpc(words: string): string {
  return `the endpoint does not speak OTLP/gRPC (is it the port for HTTP, 4318, or does it want TLS?): ${simplify(words)}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** Without what grpc-js adds and what differs each time, so that the same words are the same reason. */
function simplify(words: string): string {
  return words
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/\.? Resolution note:.*$/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
    .replace(/[\dA-F]{16}:error:/, 'error:')
    .replace(/^Deadline exceeded after .*/, 'no answer in time');
}
