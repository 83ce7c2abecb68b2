/** Spans to an OTLP server, one for each connection that ended. */
import { type Ledger, withPrefix } from '../../ledger.ts';
import type { ConnectionRecord, Exporter } from '../../model.ts';
import { Delivery, type DeliveryLimits, type Say } from './delivery.ts';
import { readSampler, type Sampler } from './sampler.ts';
import { type OtlpOptions, readDelay } from './settings.ts';
import { SpanEvents } from './span-events.ts';
import { SpanWriter, type SpanWriterOptions } from './span-writer.ts';
import { traceIds } from './trace-ids.ts';
import { createTransport } from './transport.ts';

export interface OtlpTracesOptions extends OtlpOptions, SpanWriterOptions, DeliveryLimits {
  /** Longest time that a span waits for its batch. Default 1,000. */
  readonly flushMs?: number | undefined;
}

export interface OtlpTracesExporter extends Exporter {
  /** Bytes that wait to be sent, the open batch included. */
  readonly queuedBytes: number;
  readonly delivery: Delivery;
}

export const TRACES_EXPORTER = 'otlp-traces';
const BATCH_BYTES = 512 * 1024;
const EVENTS_VARIABLE = 'OTEL_SPAN_EVENT_COUNT_LIMIT';

/** Throws an Error of one line when the options are no good; an absent server is no error. */
export function createOtlpTracesExporter(options: OtlpTracesOptions, ledger: Ledger, say: Say): OtlpTracesExporter {
  const title = 'OTLP traces';
  const transport = createTransport(options, 'TRACES', (message) => say(`${title}: ${message}`));
  // A span that is lost is not the loss of its log record.
  const books = withPrefix(ledger, 'traces');
  const delivery = new Delivery({
    name: TRACES_EXPORTER,
    title,
    items: 'spans',
    transport,
    ledger: books,
    say,
    limits: options,
  });
  return new OtlpTraces(options, books, delivery);
}

class OtlpTraces implements OtlpTracesExporter {
  readonly name = TRACES_EXPORTER;
  readonly delivery: Delivery;
  readonly #books: Ledger;
  readonly #writer: SpanWriter;
  readonly #events: SpanEvents;
  readonly #isSampled: Sampler;
  readonly #flushMs: number;
  #flushTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: OtlpTracesOptions, books: Ledger, delivery: Delivery) {
    this.delivery = delivery;
    this.#books = books;
    this.#writer = new SpanWriter(options);
    this.#events = new SpanEvents(readEventLimit());
    this.#isSampled = readSampler();
    this.#flushMs = options.flushMs ?? readDelay('OTEL_BSP_SCHEDULE_DELAY');
  }

  get queuedBytes(): number {
    return this.delivery.queuedBytes + this.#writer.size;
  }

  export(records: readonly ConnectionRecord[]): void {
    for (const record of records) {
      if (record.event === 'close' || record.event === 'failed') this.#end(record);
      else this.#events.note(record);
    }
    if (this.#writer.count > 0) this.#flushTimer ??= setTimeout(() => this.#cut(), this.#flushMs).unref();
  }

  #end(record: ConnectionRecord): void {
    const happened = this.#events.take(record);
    const ids = traceIds(record.id);
    if (!this.#isSampled(ids.trace)) return;
    if (this.#closed) return void this.#books.lose('export', 'shutdown');
    this.#writer.add(record, ids, happened);
    if (this.#writer.size >= Math.min(BATCH_BYTES, this.delivery.largest)) this.#cut();
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

/** Default 128, as the specification has it. */
function readEventLimit(): number {
  const text = process.env[EVENTS_VARIABLE]?.trim() || '128';
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new Error(`${EVENTS_VARIABLE} expects a whole number, not "${text}"`);
}
