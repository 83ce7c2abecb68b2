/** What a failed request of OTLP/HTTP means: whether to try again, under which name it is counted, what is said of it. */
import { readFields } from './fields.ts';
import type { Refused } from './transport.ts';

/** Those that the OTLP specification calls retryable. */
const retryable = new Set([429, 502, 503, 504]);
const LONGEST_WORDS = 200;
/** Milliseconds. A wait of more is a mistake, as in retry-info.ts. */
const LONGEST_WAIT = 365 * 86_400_000;

/** `retryAfter`: the header; `type` and `body`: of the answer, a google.rpc.Status where the server is one of OTLP. */
export function classifyStatus(code: number, retryAfter: string | undefined, type: string, body: Uint8Array): Refused {
  const words = readWords(type, body);
  const status = code === 413 ? 'split' : retryable.has(code) ? 'retry' : 'drop';
  const message = `HTTP ${code}${words && `: ${words}`}${remedy(code)}`;
  return { status, reason: `http_${code}`, message, retryAfterMs: readRetryAfter(retryAfter) };
}

/** What went wrong before there was an answer. It may pass later, whatever it is. */
export function classifyError(error: unknown): Refused {
  const { name, code, message } = error as NodeJS.ErrnoException;
  const isLate = name === 'AbortError' || name === 'TimeoutError';
  const reason = isLate ? 'deadline_exceeded' : 'unavailable';
  const words = isLate ? 'no answer in time' : oneLine(message || code || String(error));
  return { status: 'retry', reason, message: `${reason.toUpperCase()}: ${words}`, retryAfterMs: undefined };
}

function remedy(code: number): string {
  if (code === 404) return ' (is the path of the endpoint right?)';
  if (code === 405 || code === 415) return ' (does the endpoint speak OTLP/HTTP?)';
  return code === 401 || code === 403 ? ' (is --otlp-header right?)' : '';
}

/** Seconds, or a date. */
function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const wait = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return wait <= LONGEST_WAIT ? Math.max(0, wait) : undefined;
}

function readWords(type: string, body: Uint8Array): string {
  try {
    if (/\bprotobuf\b/.test(type)) return readStatusMessage(body);
    const text = Buffer.from(body).toString();
    if (/\bjson\b/.test(type)) return oneLine(String((JSON.parse(text) as { message?: unknown }).message ?? ''));
    return /\bhtml\b/.test(type) ? '' : oneLine(text);
  } catch {
    return '';
  }
}

/** google.rpc.Status { code = 1, message = 2 } */
function readStatusMessage(body: Uint8Array): string {
  for (const { number, content, end } of readFields(body))
    if (number === 2) return oneLine(Buffer.from(body.subarray(content, end)).toString());
  return '';
}

function oneLine(text: string): string {
  return (text.trim().split('\n', 1)[0] ?? '').slice(0, LONGEST_WORDS);
}
