/** Log records to an OTLP server: encoded as they come, cut into batches by bytes and by time, and delivered. */
import type { Ledger } from '../../ledger.ts';
import type { ConnectionRecord, Exporter, LookupRecord } from '../../model.ts';
import type { Spool } from '../spool/spool.ts';
import { Delivery, type DeliveryLimits, type Say } from './delivery.ts';
import { LogWriter, type LogWriterOptions } from './log-writer.ts';
import { type OtlpOptions, readDelay, readSettings } from './settings.ts';
import { createTransport } from './transport.ts';

export interface OtlpLogsOptions extends OtlpOptions, LogWriterOptions, DeliveryLimits {
  /** Bytes at which a batch is cut. Default 512 KiB; never above 3.75 MiB, since servers refuse more than 4. */
  readonly batchBytes?: number | undefined;
  /** Longest time that a record waits for its batch. Default 1,000. */
  readonly flushMs?: number | undefined;
  readonly spool?: Spool | undefined;
}

export interface OtlpLogsExporter extends Required<Exporter> {
  /** Bytes that wait to be sent, the open batch included. */
  readonly queuedBytes: number;
  readonly delivery: Delivery;
}

export const LOGS_EXPORTER = 'otlp-logs';
const MEBIBYTE = 1024 * 1024;
const MAX_BATCH = 3.75 * MEBIBYTE;
/** The transport's own time limit comes first. */
const LEAST_STUCK = 60_000;

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpLogsExporter(options: OtlpLogsOptions, ledger: Ledger, say: Say): OtlpLogsExporter {
  const title = 'OTLP logs';
  const transport = createTransport(options, 'LOGS', (message) => say(`${title}: ${message}`));
  const limits = { ...options, stuckMs: options.stuckMs ?? Math.max(LEAST_STUCK, 2 * readTimeout(options)) };
  const { spool } = options;
  const delivery = new Delivery({ name: LOGS_EXPORTER, title, transport, ledger, say, limits, spool });
  return new OtlpLogs(options, ledger, delivery);
}

function readTimeout(options: OtlpOptions): number {
  return readSettings(options, 'LOGS').timeoutMs;
}

class OtlpLogs implements OtlpLogsExporter {
  readonly name = LOGS_EXPORTER;
  readonly delivery: Delivery;
  readonly #ledger: Ledger;
  readonly #writer: LogWriter;
  readonly #batchBytes: number;
  readonly #flushMs: number;
  #flushTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: OtlpLogsOptions, ledger: Ledger, delivery: Delivery) {
    this.delivery = delivery;
    this.#ledger = ledger;
    this.#writer = new LogWriter(options);
    const quarter = (options.queueBytes ?? Number.POSITIVE_INFINITY) / 4;
    this.#batchBytes = Math.min(options.batchBytes ?? MEBIBYTE / 2, MAX_BATCH, quarter);
    this.#flushMs = options.flushMs ?? readDelay('OTEL_BLRP_SCHEDULE_DELAY');
  }

  get queuedBytes(): number {
    return this.delivery.queuedBytes + this.#writer.size;
  }

  export(records: readonly ConnectionRecord[]): void {
    this.#take(records, (record, observed) => this.#writer.add(record, observed));
  }

  exportLookups(lookups: readonly LookupRecord[]): void {
    this.#take(lookups, (lookup, observed) => this.#writer.addLookup(lookup, observed));
  }

  #take<Kind>(records: readonly Kind[], add: (record: Kind, observed: bigint) => void): void {
    if (this.#closed) return void this.#ledger.lose('export', 'shutdown', records.length);
    const limit = Math.min(this.#batchBytes, this.delivery.largest);
    const observed = BigInt(Date.now()) * 1_000_000n;
    for (const record of records) {
      add(record, observed);
      if (this.#writer.size >= limit) this.#cut();
    }
    if (this.#writer.count > 0) this.#flushTimer ??= setTimeout(() => this.#cut(), this.#flushMs).unref();
  }

  shutdown(deadline: number): Promise<void> {
    if (this.#closed) return this.#closed;
    this.#cut();
    this.#closed = this.delivery.shutdown(deadline);
    return this.#closed;
  }

  #cut(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#writer.count > 0) this.delivery.push(this.#writer.take());
  }
}
