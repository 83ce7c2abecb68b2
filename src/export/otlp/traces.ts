/** Spans to an OTLP server, one for each connection that ended. */
import { type Ledger, withPrefix } from '../../ledger.ts';
import type { ConnectionRecord, Exporter } from '../../model.ts';
import { Batcher, type BatcherOptions } from './batcher.ts';
import { Delivery, type DeliveryLimits, type Say } from './delivery.ts';
import { readSampler, type Sampler } from './sampler.ts';
import { type OtlpOptions, readDelay } from './settings.ts';
import { SpanEvents } from './span-events.ts';
import { SpanWriter, type SpanWriterOptions } from './span-writer.ts';
import { traceIds } from './trace-ids.ts';
import { createTransport } from './transport.ts';

export interface OtlpTracesOptions extends OtlpOptions, SpanWriterOptions, DeliveryLimits, Partial<BatcherOptions> {}

export interface OtlpTracesExporter extends Exporter {
  /** Bytes that wait to be sent, the open batch included. */
  readonly queuedBytes: number;
  readonly delivery: Delivery;
}

export const TRACES_EXPORTER = 'otlp-traces';
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
  const flushMs = options.flushMs ?? readDelay('OTEL_BSP_SCHEDULE_DELAY');
  const writer = new SpanWriter(options);
  return new OtlpTraces(writer, new Batcher(writer, delivery, { ...options, flushMs }), books, delivery);
}

class OtlpTraces implements OtlpTracesExporter {
  readonly name = TRACES_EXPORTER;
  readonly delivery: Delivery;
  readonly #books: Ledger;
  readonly #writer: SpanWriter;
  readonly #batcher: Batcher;
  readonly #events: SpanEvents;
  readonly #isSampled: Sampler = readSampler();

  constructor(writer: SpanWriter, batcher: Batcher, books: Ledger, delivery: Delivery) {
    this.#writer = writer;
    this.#batcher = batcher;
    this.#books = books;
    const onForgotten = () => books.fault('export', 'events_forgotten');
    this.#events = new SpanEvents({ limit: readEventLimit(), onForgotten });
    this.delivery = delivery;
  }

  get queuedBytes(): number {
    return this.#batcher.queuedBytes;
  }

  export(records: readonly ConnectionRecord[]): void {
    for (const record of records) {
      if (record.event === 'close' || record.event === 'failed') this.#end(record);
      else this.#events.note(record);
    }
    this.#batcher.waitForMore();
  }

  #end(record: ConnectionRecord): void {
    const happened = this.#events.take(record);
    const ids = traceIds(record.id);
    if (!this.#isSampled(ids.trace)) return;
    if (this.#batcher.isClosed) return void this.#books.lose('export', 'shutdown');
    this.#writer.add(record, ids, happened);
    this.#batcher.cutIfFull();
    if (!record.lookup) return;
    this.#writer.addLookup(record.lookup, record.id, ids);
    this.#batcher.cutIfFull();
  }

  shutdown(deadline: number): Promise<void> {
    return this.#batcher.shutdown(deadline);
  }
}

/** Default 128, as the specification has it. */
function readEventLimit(): number {
  const text = process.env[EVENTS_VARIABLE]?.trim() || '128';
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new Error(`${EVENTS_VARIABLE} expects a whole number, not "${text}"`);
}
