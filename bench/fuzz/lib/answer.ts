/** Answers over HTTP that come in the pieces that an input says, without a network. */
import type { IncomingMessage } from 'node:http';
import type { openAnswer } from '../../../src/enrich/http.ts';

/**
 * `next`: the answer to come; its first byte says in how many pieces it comes, and an empty one is the status 404. `onRead`: it was
 * read to its end.
 */
export function answering(next: () => Buffer, onRead: () => void = () => undefined): typeof openAnswer {
  return async () => {
    const answer = next();
    const statusCode = answer.length === 0 ? 404 : 200;
    return answerOf(answer.subarray(1), statusCode, 1 + ((answer[0] ?? 0) % 4), onRead);
  };
}

function answerOf(body: Buffer, statusCode: number, pieces: number, onRead: () => void): IncomingMessage {
  const size = Math.max(1, Math.ceil(body.length / pieces));
  return {
    statusCode,
    headers: {},
    resume: () => undefined,
    destroy: () => undefined,
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
      onRead();
    },
  } as unknown as IncomingMessage;
}

/** Several answers in one input, with a byte between that is in no text. */
export function parts(input: Buffer, between: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (let end = input.indexOf(between); end >= 0; end = input.indexOf(between, at)) {
    found.push(input.subarray(at, end));
    at = end + 1;
  }
  return at < input.length ? [...found, input.subarray(at)] : found;
}
