/** What goes wrong between us and Kubernetes: counted each time, said at most once a minute, with what helps. */
import type { Ledger } from '../../ledger.ts';
import type { Log } from '../../log.ts';
import { type ApiError, NO_ANSWER, UNREADABLE } from './http.ts';

export type Fault = 'unauthorized' | 'forbidden' | 'expired' | 'unreachable' | 'malformed' | 'failed' | 'skipped';

const faults: Readonly<Record<number, Fault>> = {
  401: 'unauthorized',
  403: 'forbidden',
  410: 'expired',
  [NO_ANSWER]: 'unreachable',
  [UNREADABLE]: 'malformed',
};

export function faultOf(error: ApiError): Fault {
  return faults[error.status] ?? 'failed';
}

export interface FaultTeller {
  readonly ledger: Ledger;
  readonly log: Log;
  /** Who was asked, for messages. */
  readonly server: string;
  /** Nobody expects an answer from there: what fails is said to those who debug only. */
  readonly isOptional?: boolean;
  /** What breaks because we end is no fault. */
  readonly signal: AbortSignal;
}

const remedies: Readonly<Record<Fault, string>> = {
  unauthorized: 'the token or certificate is not accepted: is it expired, or of another cluster?',
  forbidden: 'allow it, as examples/kubernetes.yaml does',
  expired: '',
  unreachable: 'it is asked again',
  malformed: 'is that the API of Kubernetes?',
  failed: 'it is asked again',
  skipped: 'some names are missing',
};

/** `what` was asked for: "pods of this node". */
export function tellFault(teller: FaultTeller, what: string, fault: Fault, message: string): void {
  const { ledger, log, server, isOptional, signal } = teller;
  if (signal.aborted) return;
  ledger.fault('enrich', `kubernetes_${fault}`);
  // That the history was cut off is everyday life of a watch.
  const level = fault === 'expired' || isOptional ? 'debug' : 'warn';
  log.limited(level, `kubernetes ${what} ${fault}`, `${what} from ${server}: ${fault}: ${message}; ${remedies[fault]}`);
}
