/** What a failed request means: whether to try again, under which name it is counted, and what is said about it. */

import { readRetryDelay } from './retry-info.ts';
import type { Refused } from './transport.ts';

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

/** The client's error to what is done about it. `error` may be anything. */
export function classify(error: unknown): Refused {
  const { code, details, message, metadata } = (error ?? {}) as Readonly<Record<string, unknown>>;
  const reason = (typeof code === 'number' ? names[code] : undefined) ?? 'unknown';
  const words = firstLine(String(details ?? message ?? error));
  const retryAfterMs = readRetryDelay(metadata);
  if (isWebPage(words)) return { status: 'drop', reason: 'not_grpc', message: notGrpc(words), retryAfterMs };
  // May be a server that has yet to come up behind the same address, so it is tried again.
  if (isOtherProtocol(words)) return { status: 'retry', reason: 'not_grpc', message: notGrpc(words), retryAfterMs };
  const status = isTooLarge(words) ? 'split' : retryable.has(reason) || isBroken(words) ? 'retry' : 'drop';
  return { status, reason, message: `${reason.toUpperCase()}: ${simplify(words)}`, retryAfterMs };
}

/** As servers of several languages say it. */
function isTooLarge(words: string): boolean {
  return /received message (after decompression )?larger than max|message size exceeds|HTTP status code 413/i.test(
    words,
  );
}

/** The stream ended without a status of the server: INTERNAL and UNKNOWN are the client's own words then. */
function isBroken(words: string): boolean {
  return /^Received RST_STREAM with code|^No status information received/.test(words);
}

/** What is above this isn't a size but text: four characters, `html` being 1752460652. */
const LARGEST_SIZE = 0x20_00_00_00;

/** HTTP/2 with a page: its first bytes are read as a length; or a status without gRPC's. */
function isWebPage(words: string): boolean {
  const size = Number(/^Received message larger than max \((\d+)/.exec(words)?.[1] ?? 0);
  return size > LARGEST_SIZE || /^Received HTTP status code (?!413|429|502|503|504)/.test(words);
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
