/** Answers over HTTP, bounded in time and size: how runtimes and Kubernetes are asked. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { setImmediate as nextTurn } from 'node:timers/promises';

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
  const read = new Bytes();
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      read.append(chunk);
      if (read.length > longest) throw new UnreadableError(`an answer of more than ${longest} bytes`);
      await nextTurn(); // a flood would have the thread for itself
    }
  } finally {
    clearTimeout(timer);
  }
  return read.take();
}

/** Calls back for each line that has something in it, until the answer is over. `longest`: bytes of one. */
export async function readLines(
  answer: IncomingMessage,
  longest: number,
  onLine: (line: string) => void,
): Promise<void> {
  const rest = new Bytes();
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      rest.append(chunk.subarray(begin, end));
      const line = rest.take();
      begin = end + 1;
      if (line.trim() !== '') onLine(line);
    }
    rest.append(chunk.subarray(begin));
    if (rest.length > longest) throw new UnreadableError(`an event of more than ${longest} bytes`);
    await nextTurn();
  }
  if (rest.length > 0) throw new UnreadableError('the stream ended in the middle of an event');
}

/** What has come so far, as bytes alone: who drips it byte by byte would have us keep a hundred for each. */
class Bytes {
  #bytes = Buffer.alloc(0);
  length = 0;

  append(part: Buffer): void {
    const needed = this.length + part.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    part.copy(this.#bytes, this.length);
    this.length = needed;
  }

  /** As text; then it is empty. */
  take(): string {
    const text = this.#bytes.toString('utf8', 0, this.length);
    this.length = 0;
    return text;
  }
}
