/** Log records to an OTLP server: encoded as they come, cut into batches, and delivered. */
import type { Ledger } from '../../ledger.ts';
import type { ConnectionRecord, Exporter, LookupRecord } from '../../model.ts';
import type { Spool } from '../spool/spool.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import { Delivery, type DeliveryLimits, type Say } from './delivery.ts';
import { LogWriter, type LogWriterOptions } from './log-writer.ts';
import { type OtlpOptions, readDelay } from './settings.ts';
import { createTransport } from './transport.ts';

export interface OtlpLogsOptions extends OtlpOptions, LogWriterOptions, DeliveryLimits, Partial<BatcherOptions> {
  readonly spool?: Spool | undefined;
}

export interface OtlpLogsExporter extends Omit<Required<Exporter>, 'isBusy' | 'isMakingRoom'> {
  /** Bytes that wait to be sent, the open batch included. */
  readonly queuedBytes: number;
  readonly delivery: Delivery;
}

export const LOGS_EXPORTER = 'otlp-logs';

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpLogsExporter(options: OtlpLogsOptions, ledger: Ledger, say: Say): OtlpLogsExporter {
  const title = 'OTLP logs';
  const transport = createTransport(options, 'LOGS', (message) => say(`${title}: ${message}`));
  const flushMs = options.flushMs ?? readDelay('OTEL_BLRP_SCHEDULE_DELAY');
  const { spool } = options;
  const delivery = new Delivery({ name: LOGS_EXPORTER, title, transport, ledger, say, limits: options, spool });
  const writer = new LogWriter(options);
  spool?.watchMemory(() => delivery.waiting.unsaved + writer.count);
  return new OtlpLogs(writer, new Batcher(writer, delivery, { ...options, flushMs }), ledger, delivery);
}

class OtlpLogs implements OtlpLogsExporter {
  readonly name = LOGS_EXPORTER;
  readonly delivery: Delivery;
  readonly #ledger: Ledger;
  readonly #writer: LogWriter;
  readonly #batcher: Batcher;

  constructor(writer: LogWriter, batcher: Batcher, ledger: Ledger, delivery: Delivery) {
    this.#writer = writer;
    this.#batcher = batcher;
    this.#ledger = ledger;
    this.delivery = delivery;
  }

  get queuedBytes(): number {
    return this.#batcher.queuedBytes;
  }

  export(records: readonly ConnectionRecord[]): void {
    this.#take(records, (record, observed) => this.#writer.add(record, observed));
  }

  exportLookups(lookups: readonly LookupRecord[]): void {
    this.#take(lookups, (lookup, observed) => this.#writer.addLookup(lookup, observed));
  }

  #take<Kind>(records: readonly Kind[], add: (record: Kind, observed: bigint) => void): void {
    if (this.#batcher.isClosed) return void this.#ledger.lose('export', 'shutdown', records.length);
    const observed = BigInt(Date.now()) * 1_000_000n;
    for (const record of records) {
      add(record, observed);
      this.#batcher.cutIfFull();
    }
    this.#batcher.waitForMore();
  }

  shutdown(deadline: number): Promise<void> {
    return this.#batcher.shutdown(deadline);
  }
}
