/** An OTLP/gRPC server that takes all records, counts them and keeps none; it can be away for a while. */
import { answer, Listener, recordsOf } from './listener.ts';
import { ok } from './plays.ts';

export class Sink {
  records = 0;
  readonly #listener = new Listener({
    onRequest: (request, stream) => {
      for (const _ of recordsOf(request)) this.records++;
      answer(stream, ok(0), { 'grpc-status': '0' });
    },
  });

  /** Listens again after it was away, at the same port. */
  come(): Promise<void> {
    return this.#listener.come();
  }

  /** What was taken has been answered; nothing comes any more. */
  leave(): Promise<void> {
    return this.#listener.leave();
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#listener.port}`;
  }
}
