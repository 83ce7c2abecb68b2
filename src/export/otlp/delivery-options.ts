/** What a delivery is given and what it counts. */
import type { Ledger } from '../../ledger.ts';
import type { Spool } from '../spool/spool.ts';
import type { Transport } from './transport.ts';

export interface DeliveryOptions {
  /** Name of the exporter in the ledger. */
  readonly name: string;
  /** What the lines in the log begin with: `OTLP logs`. */
  readonly title: string;
  /** What it carries, in the same lines. Default `records`. */
  readonly items?: string;
  readonly transport: Transport;
  readonly ledger: Ledger;
  readonly say: Say;
  readonly limits?: DeliveryLimits;
  /** For what doesn't get through in time. Without it the oldest are dropped when memory is full. It is closed at the end. */
  readonly spool?: Spool | undefined;
}

export interface DeliveryLimits {
  /** Bytes that may wait. Default 32 MiB. */
  readonly queueBytes?: number | undefined;
  /** First and longest pause before a batch is tried again, before jitter. Default 1,000 and 30,000. */
  readonly retryMs?: readonly [first: number, longest: number] | undefined;
  /** Without an answer for so long a request is given up and the connection replaced. Default: twice the transport's own limit, at least 60,000. */
  readonly stuckMs?: number | undefined;
}

/** Writes one line to the agent's log. */
export type Say = (message: string) => void;

/** How it went so far. */
export interface DeliveryCounts {
  /** Requests that were answered or given up. */
  requests: number;
  /** Of these, those whose batch was tried again. */
  retries: number;
  /** Batches that were divided. */
  splits: number;
  /** Connections that were replaced because nothing passed. */
  renewals: number;
}
