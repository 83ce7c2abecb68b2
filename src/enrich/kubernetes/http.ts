/** Questions to the API server or a kubelet: JSON in one piece, or a stream of lines. Nothing is ever changed there. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Access } from './access.ts';

export interface Api {
  /** Rejects with an ApiError. */
  get(path: string, query?: Query): Promise<unknown>;
  /** Calls back for each JSON value, and resolves when the server ends the stream. Rejects with an ApiError. */
  stream(path: string, query: Query, options: StreamOptions): Promise<void>;
  close(): void;
}

export type Query = Readonly<Record<string, string>>;

export interface StreamOptions {
  /** Milliseconds after which it ends in any case. */
  readonly longest: number;
  readonly signal: AbortSignal;
  onValue(value: unknown): void;
}

/** Instead of a status: there was no answer, or one that can't be read. */
export const NO_ANSWER = 0;
export const UNREADABLE = -1;

export class ApiError extends Error {
  /** Of HTTP, or one of the two below. */
  readonly status: number;
  /** Milliseconds that the server asks us to wait. */
  readonly retryAfter: number;

  constructor(status: number, message: string, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Bytes: a page of 500 pods is 5 MB, one object at most 1.5 MB by the limit of etcd. */
const LONGEST_BODY = 64 * 2 ** 20;
const LONGEST_LINE = 8 * 2 ** 20;

export interface ApiOptions {
  /** Milliseconds for an answer. */
  readonly deadline: number;
}

export function createApi(access: Access, { deadline }: ApiOptions): Api {
  const isSecure = access.server.startsWith('https:');
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 4, timeout: 60_000 });

  const open = (path: string, query: Query, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { token, ...tls } = access.credentials();
      const url = `${access.server}${path}${querySuffix(query)}`;
      const headers = { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
      const send = isSecure ? requestHttps : requestHttp;
      const request = send(url, { agent, headers, signal, ...(isSecure ? given(tls) : {}) });
      request.on('response', resolve).on('error', reject).end();
      // A peer that vanished without a word is noticed by its silence.
      request.on('socket', (socket) => socket.setKeepAlive(true, 15_000));
    });

  return {
    async get(path, query = {}) {
      const signal = AbortSignal.timeout(deadline);
      try {
        const response = await open(path, query, signal);
        const body = await readBody(response);
        return parseJson(await checkStatus(response, body));
      } catch (error) {
        throw toApiError(error, signal, `no answer within ${deadline} ms`);
      }
    },
    async stream(path, query, { longest, signal, onValue }) {
      const begin = new AbortController();
      const late = setTimeout(() => begin.abort(), deadline);
      const end = AbortSignal.timeout(longest);
      try {
        const response = await open(path, query, AbortSignal.any([begin.signal, end, signal]));
        clearTimeout(late);
        if (response.statusCode !== 200) await checkStatus(response, await readBody(response));
        await readLines(response, (line) => onValue(parseJson(line)));
      } catch (error) {
        if (end.aborted && !signal.aborted) return;
        throw toApiError(error, begin.signal, `no answer within ${deadline} ms`);
      } finally {
        clearTimeout(late);
      }
    },
    close: () => agent.destroy(),
  };
}

function querySuffix(query: Query): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
}

function given(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new ApiError(UNREADABLE, `an answer of more than ${LONGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function readLines(response: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      const line = Buffer.concat([...rest, chunk.subarray(begin, end)]).toString();
      rest = [];
      length = 0;
      begin = end + 1;
      if (line.trim() !== '') onLine(line);
    }
    rest.push(chunk.subarray(begin));
    length += chunk.length - begin;
    if (length > LONGEST_LINE) throw new ApiError(UNREADABLE, `an event of more than ${LONGEST_LINE} bytes`);
  }
  if (length > 0) throw new ApiError(UNREADABLE, 'the stream ended in the middle of an event');
}

async function checkStatus(response: IncomingMessage, body: string): Promise<string> {
  const { statusCode = 0, headers } = response;
  if (statusCode === 200) return body;
  const seconds = Number(headers['retry-after'] ?? 0);
  const retryAfter = seconds > 0 && seconds < 3_600 ? seconds * 1_000 : 0;
  throw new ApiError(statusCode, messageOf(body) ?? `HTTP ${statusCode}`, retryAfter);
}

/** The API server explains itself in a Status object. */
function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message.slice(0, 300) : undefined;
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(UNREADABLE, 'an answer that is not JSON');
  }
}

function toApiError(error: unknown, late: AbortSignal, ifLate: string): ApiError {
  if (error instanceof ApiError) return error;
  if (late.aborted) return new ApiError(NO_ANSWER, ifLate);
  return new ApiError(NO_ANSWER, error instanceof Error ? error.message : String(error));
}
