/**
 * Log records to an OTLP server: encoded as they come, cut into batches, kept until the server took them. A batch is
 * tried for as long as the queue has room for it; every record ends as sent or in one count of the ledger.
 */
import type { Ledger } from '../../ledger.ts';
import type { ConnectionRecord, Exporter } from '../../model.ts';
import { type EncodedBatch, LogWriter, type LogWriterOptions } from './log-writer.ts';
import { BatchQueue } from './queue.ts';
import { createTransport, type OtlpOptions, type Outcome, type Refused, type Transport } from './transport.ts';

export interface OtlpLogsOptions extends OtlpOptions, LogWriterOptions {
  /** Bytes of encoded records that may wait. Default 32 MiB. */
  readonly queueBytes?: number | undefined;
  /** Bytes at which a batch is cut. Default 512 KiB; never above 3.75 MiB, since servers refuse more than 4. */
  readonly batchBytes?: number | undefined;
  /** Longest time that a record waits for its batch. Default 1,000. */
  readonly flushMs?: number | undefined;
  /** First and longest pause before a batch is tried again, before jitter. Default 1,000 and 30,000. */
  readonly retryMs?: readonly [first: number, longest: number] | undefined;
}

export interface OtlpLogsExporter extends Exporter {
  /** Bytes that wait to be sent, the open batch included. */
  readonly queuedBytes: number;
}

/** Writes one line to the agent's log. */
export type Say = (message: string) => void;

export const LOGS_EXPORTER = 'otlp-logs';
const MEBIBYTE = 1024 * 1024;
const MAX_BATCH = 3.75 * MEBIBYTE;
const CONCURRENCY = 2;
/** A channel that failed so often in a row is replaced: gRPC's own pause between connects grows to two minutes. */
const RENEW_AFTER = 3;
/** At the end, failures in a row after which the server is taken to be gone. */
const LAST_FAILURES = 2;
const MAX_REASONS = 100;

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpLogsExporter(options: OtlpLogsOptions, ledger: Ledger, say: Say): OtlpLogsExporter {
  return new OtlpLogs(options, ledger, say);
}

class OtlpLogs implements OtlpLogsExporter {
  readonly name = LOGS_EXPORTER;
  readonly #ledger: Ledger;
  readonly #say: Say;
  readonly #transport: Transport;
  readonly #writer: LogWriter;
  readonly #queue: BatchQueue;
  readonly #batchBytes: number;
  readonly #flushMs: number;
  readonly #retryMs: readonly [number, number];
  readonly #inFlight = new Set<EncodedBatch>();
  readonly #saidReasons = new Set<string>();
  #flushTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  /** Retryable failures since the last success. */
  #failures = 0;
  #failuresAtEnd = 0;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #closed: Promise<void> | undefined;
  #resolveClosed: () => void = () => undefined;

  constructor(options: OtlpLogsOptions, ledger: Ledger, say: Say) {
    const queueBytes = options.queueBytes ?? 32 * MEBIBYTE;
    this.#ledger = ledger;
    this.#say = say;
    this.#transport = createTransport(options, 'LOGS');
    this.#writer = new LogWriter(options);
    this.#queue = new BatchQueue(queueBytes);
    this.#batchBytes = Math.min(options.batchBytes ?? MEBIBYTE / 2, MAX_BATCH, queueBytes / 4);
    this.#flushMs = options.flushMs ?? 1000;
    this.#retryMs = options.retryMs ?? [1000, 30_000];
  }

  get queuedBytes(): number {
    return this.#queue.bytes + this.#writer.size;
  }

  export(records: readonly ConnectionRecord[]): void {
    if (this.#state !== 'open') {
      this.#ledger.lose('export', 'shutdown', records.length);
      return;
    }
    const observed = BigInt(Date.now()) * 1_000_000n;
    for (const record of records) {
      this.#writer.add(record, observed);
      if (this.#writer.size >= this.#batchBytes) this.#cut();
    }
    if (this.#writer.count > 0) this.#flushTimer ??= setTimeout(() => this.#cut(), this.#flushMs).unref();
  }

  shutdown(deadline: number): Promise<void> {
    this.#closed ??= this.#shutdown(deadline);
    return this.#closed;
  }

  /** Ends the open batch and sends what may be sent. */
  #cut(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#writer.count > 0) {
      const dropped = this.#queue.push(this.#writer.take());
      if (dropped > 0) this.#lose('queue_full', dropped, 'the queue is full: the oldest records are dropped');
    }
    this.#pump();
  }

  /** Requests while the server is well; one at a time, as a probe, while it isn't; none in a pause. */
  #pump(): void {
    const limit = this.#failures > 0 ? 1 : CONCURRENCY;
    while (this.#state !== 'closed' && this.#retryTimer === undefined && this.#inFlight.size < limit) {
      const batch = this.#queue.shift();
      if (batch === undefined) break;
      this.#send(batch);
    }
    if (this.#state === 'closing' && this.#inFlight.size === 0 && this.#queue.length === 0) this.#finish();
  }

  #send(batch: EncodedBatch): void {
    this.#inFlight.add(batch);
    void this.#transport.send(batch.bytes).then((outcome) => this.#onOutcome(batch, outcome));
  }

  #onOutcome(batch: EncodedBatch, outcome: Outcome): void {
    // After the deadline it is counted as lost already.
    if (!this.#inFlight.delete(batch) || this.#state === 'closed') return;
    if (outcome.status === 'accepted') this.#onSuccess(batch, outcome.rejected, outcome.message);
    else this.#onFailure(batch, outcome);
    this.#pump();
  }

  #onSuccess(batch: EncodedBatch, rejected: number, message: string): void {
    this.#queue.release(batch);
    const refused = Math.min(Math.max(rejected, 0), batch.count);
    if (refused > 0) this.#lose('rejected', refused, `the server rejected records: ${message}`);
    else if (message !== '') this.#sayOnce(`the server warns: ${message}`);
    this.#ledger.deliver(this.name, batch.count - refused);
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#saidReasons.clear();
    this.#say(`OTLP logs: ${this.#transport.endpoint} takes records again`);
  }

  #onFailure(batch: EncodedBatch, failure: Refused): void {
    if (failure.status !== 'retry') {
      this.#queue.release(batch);
      this.#lose(failure.reason, batch.count, `records were refused and are dropped: ${failure.message}`);
      return;
    }
    this.#queue.putBack(batch);
    this.#failures++;
    this.#sayOnce(`records wait and are tried again: ${failure.message}`);
    if (this.#failures % RENEW_AFTER === 0 && this.#inFlight.size === 0) this.#transport.renew();
    if (this.#state === 'closing' && ++this.#failuresAtEnd >= LAST_FAILURES) this.#finish();
    else this.#pause();
  }

  /** Exponential with jitter (half to all of it), so that many agents don't come back as one. */
  #pause(): void {
    if (this.#retryTimer !== undefined) return;
    const [first, longest] = this.#retryMs;
    const pause = Math.min(first * 2 ** (this.#failures - 1), longest) * (0.5 + Math.random() / 2);
    this.#retryTimer = setTimeout(() => this.#resume(), this.#state === 'closing' ? first / 2 : pause).unref();
  }

  #resume(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#pump();
  }

  async #shutdown(deadline: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolveClosed = resolve;
    this.#state = 'closing';
    // The one timer that keeps the process alive: until here at most.
    const timer = setTimeout(() => this.#finish(), Math.max(0, deadline - Date.now()));
    this.#cut();
    if (this.#retryTimer !== undefined) this.#resume();
    await promise;
    clearTimeout(timer);
  }

  /** What is neither sent nor counted by now is lost. */
  #finish(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#retryTimer);
    let left = 0;
    for (const { count } of this.#inFlight) left += count;
    for (let batch = this.#queue.shift(); batch; batch = this.#queue.shift()) left += batch.count;
    if (left > 0) this.#ledger.lose('export', 'shutdown', left);
    this.#transport.close();
    this.#resolveClosed();
  }

  #lose(reason: string, count: number, message: string): void {
    this.#ledger.lose('export', reason, count);
    this.#sayOnce(message);
  }

  /** Each reason once, until the server is well again: what goes on is in the counts. */
  #sayOnce(message: string): void {
    if (this.#saidReasons.has(message) || this.#saidReasons.size >= MAX_REASONS) return;
    this.#saidReasons.add(message);
    this.#say(`OTLP logs: ${this.#transport.endpoint}: ${message}`);
  }
}
