/** Answers over HTTP, bounded in time and size: how runtimes and Kubernetes are asked. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';

/** An answer that is longer than anybody makes it, or that is over before its end. */
export class UnreadableError extends Error {}

/** Resolves with the head; rejects when none comes within `deadline` milliseconds. */
export function openAnswer(options: RequestOptions, deadline: number): Promise<IncomingMessage> {
  const send = options.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = send(options, (answer) => {
      clearTimeout(timer);
      // What breaks later is met by whoever reads; until then it must not be an exception of nobody's.
      answer.on('error', () => {});
      resolve(answer);
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${deadline / 1000} s`)), deadline);
    // A peer that vanished without a word is noticed by its silence.
    sent.on('socket', (socket) => socket.setKeepAlive(true, 15_000));
    sent.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    sent.end();
  });
}

export interface Bounds {
  /** Bytes. */
  readonly longest: number;
  /** Milliseconds. */
  readonly deadline: number;
}

export async function readAll(answer: IncomingMessage, { longest, deadline }: Bounds): Promise<string> {
  const late = new Error(`no whole answer within ${deadline / 1000} s`);
  const timer = setTimeout(() => answer.destroy(late), deadline);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > longest) throw new UnreadableError(`an answer of more than ${longest} bytes`);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString();
}

/** Calls back for each line that has something in it, until the answer is over. `longest`: bytes of one. */
export async function readLines(
  answer: IncomingMessage,
  longest: number,
  onLine: (line: string) => void,
): Promise<void> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
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
    if (length > longest) throw new UnreadableError(`an event of more than ${longest} bytes`);
  }
  if (length > 0) throw new UnreadableError('the stream ended in the middle of an event');
}
