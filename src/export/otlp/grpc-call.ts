/**
 * One unary call of gRPC as a stream of HTTP/2: the message is sent as it is, and what the server says is read. It is done
 * here, and not by a library, because that copies each message twice, and what a megabyte of copies costs in collecting
 * garbage is several times what sending it costs.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { decompress } from './compress.ts';

export interface Call {
  /** `/package.Service/Method` */
  readonly path: string;
  /** In small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly message: Uint8Array;
  /** The message is gzip. */
  readonly isCompressed: boolean;
  /** performance.now() at which there is no more waiting. */
  readonly deadline: number;
}

/** The call was taken: its answer, empty when that can't be read. */
export interface Answered {
  readonly answer: Uint8Array;
}

/** The call was not taken, or nobody knows. */
export interface CallFailure {
  /** Status of gRPC. */
  readonly code: number;
  /** One line. */
  readonly words: string;
  /**
   * Whose words these are: a server's of gRPC; of HTTP/2 that isn't gRPC; nobody's, since there was no answer; or `refused`:
   * there was none, and the server did not begin with the call.
   */
  readonly by: 'server' | 'stranger' | 'nobody' | 'refused';
  /** Status of HTTP, of strangers. */
  readonly httpStatus?: number;
  /** google.rpc.Status */
  readonly details?: Uint8Array | undefined;
}

export const codes = { cancelled: 1, unknown: 2, deadlineExceeded: 4, resourceExhausted: 8, unavailable: 14 } as const;

/** No answer of OTLP is as long. */
const LONGEST_ANSWER = 64 * 1024;
const LONGEST_WORDS = 500;
/** In front of each message: whether it is compressed, and its length. */
const PREFIX = 5;

/** What has come of an answer. */
interface Seen {
  headers: IncomingHttpHeaders | undefined;
  trailers: IncomingHttpHeaders;
  readonly parts: Buffer[];
  length: number;
  error: Error | undefined;
}

/** Never rejects. When time is up the stream is cancelled. */
export function callUnary(session: ClientHttp2Session, call: Call): Promise<Answered | CallFailure> {
  return new Promise((resolve) => {
    const seen: Seen = { headers: undefined, trailers: {}, parts: [], length: 0, error: undefined };
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(requestHeaders(call));
    } catch (error) {
      return resolve(noAnswer(error as Error));
    }
    const timer = setTimeout(
      () => {
        resolve({ code: codes.deadlineExceeded, words: 'no answer in time', by: 'nobody' });
        cancel(stream);
      },
      Math.max(0, call.deadline - performance.now()),
    );
    stream.once('close', () => {
      clearTimeout(timer);
      void judge(seen, stream.rstCode).then(resolve);
    });
    listen(stream, seen);
    send(stream, call);
  });
}

function requestHeaders({ path, headers, isCompressed, deadline }: Call) {
  return {
    ...headers,
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    'grpc-accept-encoding': 'identity,gzip',
    'grpc-timeout': formatTimeout(Math.max(1, Math.ceil(deadline - performance.now()))),
    ...(isCompressed && { 'grpc-encoding': 'gzip' }),
  };
}

/** At most eight digits, so what lasts longer than a day is told in seconds. */
function formatTimeout(milliseconds: number): string {
  return milliseconds < 1e8 ? `${milliseconds}m` : `${Math.ceil(milliseconds / 1000)}S`;
}

function listen(stream: ClientHttp2Stream, seen: Seen): void {
  stream.once('response', (headers) => {
    seen.headers = headers;
  });
  stream.once('trailers', (trailers) => {
    seen.trailers = trailers;
  });
  stream.on('data', (part: Buffer) => {
    seen.length += part.length;
    if (seen.length <= LONGEST_ANSWER) seen.parts.push(part);
  });
  stream.once('error', (error) => {
    seen.error = error;
  });
}

function send(stream: ClientHttp2Stream, { message, isCompressed }: Call): void {
  const prefix = Buffer.alloc(PREFIX);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  stream.cork();
  stream.write(prefix);
  // Wraps the memory, copies nothing.
  stream.end(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  stream.uncork();
}

/** One that was never sent, since there is no connection yet, has nothing to be cancelled. */
function cancel(stream: ClientHttp2Stream): void {
  if (stream.pending) stream.destroy();
  else stream.close(constants.NGHTTP2_CANCEL);
}

async function judge(
  { headers, trailers, parts, error, length }: Seen,
  rstCode: number,
): Promise<Answered | CallFailure> {
  if (headers === undefined) return error ? noAnswer(error, rstCode) : noAnswer(ended(rstCode), rstCode);
  const httpStatus = Number(headers[constants.HTTP2_HEADER_STATUS]);
  const type = headers['content-type'] ?? '';
  const status = trailers['grpc-status'] ?? headers['grpc-status'];
  if (status === undefined && (httpStatus !== 200 || !type.startsWith('application/grpc')))
    return { code: codes.unknown, words: `HTTP ${httpStatus}${type && `, ${type}`}`, by: 'stranger', httpStatus };
  if (status === undefined) return noAnswer(error ?? ended(rstCode), rstCode);
  if (Number(status) === 0) return { answer: length > LONGEST_ANSWER ? new Uint8Array() : await unwrap(parts) };
  const { 'grpc-message': words = '', 'grpc-status-details-bin': details } = { ...headers, ...trailers };
  return { code: Number(status), words: decodeWords(String(words)), by: 'server', details: decodeDetails(details) };
}

function ended(rstCode: number): Error {
  return new Error(rstCode === 0 ? 'the connection ended without an answer' : `the stream was reset (${rstCode})`);
}

/** Of the codes of HTTP/2 only two say more than that it went wrong on the way. */
function noAnswer({ message, code, cause }: NodeJS.ErrnoException, rstCode = 0): CallFailure {
  const words = oneLine(cause instanceof Error ? cause.message : message || String(code));
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
    return { code: codes.resourceExhausted, words: 'the server wants fewer requests', by: 'nobody' };
  const isRefused = rstCode === constants.NGHTTP2_REFUSED_STREAM;
  return { code: codes.unavailable, words, by: isRefused ? 'refused' : 'nobody' };
}

/** Empty when it is no whole message: the request was taken all the same. */
async function unwrap(parts: readonly Buffer[]): Promise<Uint8Array> {
  const whole = Buffer.concat(parts);
  if (whole.length < PREFIX || whole.readUInt32BE(1) !== whole.length - PREFIX) return new Uint8Array();
  const message = whole.subarray(PREFIX);
  return whole[0] === 0 ? message : decompress(message, LONGEST_ANSWER).catch(() => new Uint8Array());
}

/** Percent-encoded; what is not, as some servers send it, stays as it is. */
function decodeWords(text: string): string {
  try {
    return oneLine(decodeURIComponent(text));
  } catch {
    return oneLine(text);
  }
}

function oneLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, LONGEST_WORDS);
}

function decodeDetails(text: string | string[] | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : Buffer.from(String(text), 'base64');
}
