/** What a failed request means: whether to try again, under which name it is counted, and what is said about it. */

import type { CallFailure } from './grpc-call.ts';
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

/** What is done about a call that failed. */
export function classify({ code, words, by, httpStatus, details }: CallFailure): Refused {
  if (by === 'stranger') return classifyStranger(words, httpStatus);
  const reason = names[code] ?? 'unknown';
  const retryAfterMs = readRetryDelay(details);
  // May be a server that has yet to come up behind the same address, so it is tried again.
  if (isOtherProtocol(words)) return { status: 'retry', reason: 'not_grpc', message: notGrpc(words), retryAfterMs };
  const isRetryable = by !== 'server' || retryable.has(reason);
  const status = isTooLarge(words) ? 'split' : isRetryable ? 'retry' : 'drop';
  return { status, reason, message: `${reason.toUpperCase()}: ${simplify(words)}`, retryAfterMs };
}

/** Of HTTP without gRPC: something on the way that is busy, in want of a password, or not what was meant. */
function classifyStranger(words: string, httpStatus = 0): Refused {
  if (httpStatus === 413)
    return { status: 'split', reason: 'resource_exhausted', message: words, retryAfterMs: undefined };
  const reason = onTheWay[httpStatus];
  if (reason === undefined)
    return { status: 'drop', reason: 'not_grpc', message: notGrpc(words), retryAfterMs: undefined };
  const status = reason === 'unavailable' ? 'retry' : 'drop';
  return { status, reason, message: `${reason.toUpperCase()}: ${words}`, retryAfterMs: undefined };
}

/** As gRPC maps the statuses of HTTP. */
const onTheWay: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  429: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

/** As servers of several languages say it. */
function isTooLarge(words: string): boolean {
  return /received message (after decompression )?larger than max|message size exceeds/i.test(words);
}

/** HTTP/1.1 or anything else that answers a preface of HTTP/2 with its own. */
function isOtherProtocol(words: string): boolean {
  return /^(Error: )?Protocol error|wrong version number|packet length too long/i.test(words);
}

function notGrpc(words: string): string {
  return `the endpoint does not speak OTLP/gRPC (is it the port for HTTP, 4318, or does it want TLS?): ${simplify(words)}`;
}

/** Without what differs each time, so that the same words are the same reason. */
function simplify(words: string): string {
  return words.replace(/[\dA-F]{16}:error:/, 'error:');
}
