/** Questions to the API server or a kubelet: JSON in one piece, or a stream of lines. Nothing is ever changed there. */
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { createDeadline } from '../deadline.ts';
import { openAnswer, readAll, readLines, UnreadableError } from '../http.ts';
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
  readonly open?: typeof openAnswer;
}

export function createApi(access: Access, { deadline, open: openAt = openAnswer }: ApiOptions): Api {
  const isSecure = access.server.startsWith('https:');
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 4, timeout: 60_000 });

  const open = async (path: string, query: Query, signal?: AbortSignal): Promise<IncomingMessage> => {
    const { token, ...tls } = access.credentials();
    const url = urlToHttpOptions(new URL(`${access.server}${path}${querySuffix(query)}`));
    const headers = { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    return openAt({ ...url, agent, headers, ...given({ signal, ...(isSecure ? tls : {}) }) }, deadline);
  };
  const read = (answer: IncomingMessage) => readAll(answer, { longest: LONGEST_BODY, deadline });

  return {
    async get(path, query = {}) {
      try {
        const answer = await open(path, query);
        return parseJson(checkStatus(answer, await read(answer)));
      } catch (error) {
        throw toApiError(error);
      }
    },
    async stream(path, query, { longest, signal, onValue }) {
      const end = createDeadline(longest, signal);
      try {
        const answer = await open(path, query, end.signal);
        if (answer.statusCode !== 200) checkStatus(answer, await read(answer));
        await readLines(answer, LONGEST_LINE, (line) => onValue(parseJson(line)));
      } catch (error) {
        if (end.isOver && !signal.aborted) return;
        throw toApiError(error);
      } finally {
        end.clear();
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

function checkStatus(answer: IncomingMessage, body: string): string {
  const { statusCode = 0, headers } = answer;
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

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const status = error instanceof UnreadableError ? UNREADABLE : NO_ANSWER;
  return new ApiError(status, error instanceof Error ? error.message : String(error));
}
