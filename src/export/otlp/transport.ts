/** How OTLP leaves this host: one way for each protocol, behind one interface. */
import type { Say } from './delivery.ts';
import { createGrpcTransport } from './grpc-transport.ts';
import { createHttpTransport } from './http-transport.ts';
import { type OtlpOptions, readSettings, type Signal } from './settings.ts';

export type { OtlpOptions, Signal } from './settings.ts';

/** The server took the request. */
export interface Accepted {
  readonly status: 'accepted';
  /** Items of it that the server rejected for good (partial success), and its words; 0 and empty when all is well. */
  readonly rejected: number;
  readonly message: string;
}

/** The server did not take the request, or nobody knows whether it did. */
export interface Refused {
  /** `retry`: the same bytes may pass later. `drop`: they never will. `split`: too large; less at a time may pass. */
  readonly status: 'retry' | 'drop' | 'split';
  /** For the ledger, in snake_case, low cardinality: name of the gRPC status, `http_404`, `not_otlp` … */
  readonly reason: string;
  /** One line for the log: the server's words, or what they are taken to mean. */
  readonly message: string;
  /** When the server wants to be asked again, if it said so (RetryInfo, Retry-After). */
  readonly retryAfterMs: number | undefined;
}

/** What came of one request. */
export type Outcome = Accepted | Refused;

/**
 * One signal's way to one server, whatever the protocol. It neither queues nor tries again: that is the caller's, who
 * also bounds how many requests are under way.
 */
export interface Transport {
  /** Where it goes, for messages. */
  readonly endpoint: string;
  /** Milliseconds after which a request without an answer ends as a retry; undefined: it may never end. */
  readonly timeoutMs?: number;
  /**
   * Sends the protobuf bytes of one Export…ServiceRequest; they must not change any more. Never rejects. Connects when
   * it has to. After `close` the outcome of what is under way may be anything or never come.
   */
  send(request: Uint8Array<ArrayBuffer>): Promise<Outcome>;
  /** New connections for what is sent from now on; what is under way ends on the old ones or as `retry`. */
  renew(): void;
  close(): void;
}

/**
 * Throws an Error of one line when the endpoint, a header or a file is no good; an absent server is no error. `say`
 * hears of certificates that changed and can't be used.
 */
export function createTransport(options: OtlpOptions, signal: Signal, say: Say = () => undefined): Transport {
  const settings = readSettings(options, signal);
  return settings.protocol === 'grpc' ? createGrpcTransport(settings, say) : createHttpTransport(settings, say);
}
