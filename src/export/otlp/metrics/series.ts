/** What is aggregated: one series for each set of attributes of an instrument, up to a limit. */
import type { Attributes } from '@opentelemetry/api';
import type { ConnectionRecord } from '../../../model.ts';
import { type MetricDefinition, metricAttributeKeys } from '../../semconv.ts';
import { type Exemplar, type ExemplarFilter, none, Reservoir } from './exemplars.ts';
import type { ExponentialSeries } from './exponential.ts';

/** A number that is added to. */
export class SumSeries {
  readonly attributes: Attributes;
  /** When it began, or was reset (delta temporality): milliseconds as Date.now(). */
  startTime: number;
  value = 0;
  readonly #exemplar: Reservoir | undefined;

  constructor(attributes: Attributes, startTime: number, filter?: ExemplarFilter) {
    this.attributes = attributes;
    this.startTime = startTime;
    this.#exemplar = filter && new Reservoir(filter, 1);
  }

  /** One more, of which the record may become the exemplar. */
  count(record: ConnectionRecord): void {
    this.value++;
    this.#exemplar?.offer(1, record);
  }

  takeExemplars(): readonly Exemplar[] {
    return this.#exemplar?.take() ?? none;
  }

  reset(now: number): void {
    this.startTime = now;
    this.value = 0;
  }
}

/** Explicit buckets; a bound belongs to the bucket below it. */
export class HistogramSeries {
  readonly attributes: Attributes;
  readonly bounds: readonly number[];
  startTime: number;
  /** One more than there are bounds. */
  counts: number[];
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  readonly #exemplars: Reservoir | undefined;

  constructor(attributes: Attributes, startTime: number, bounds: readonly number[], filter?: ExemplarFilter) {
    this.attributes = attributes;
    this.startTime = startTime;
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
    this.#exemplars = filter && new Reservoir(filter, bounds.length + 1);
  }

  /** `record`: what it was measured at. */
  record(value: number, record?: ConnectionRecord): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (this.#exemplars && record) this.#exemplars.offerFor(bucket, value, record);
  }

  takeExemplars(): readonly Exemplar[] {
    return this.#exemplars?.take() ?? none;
  }

  reset(now: number): void {
    this.startTime = now;
    this.counts.fill(0);
    this.count = 0;
    this.sum = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = Number.NEGATIVE_INFINITY;
  }
}

/** Of either kind. */
export type Histogram = HistogramSeries | ExponentialSeries;
export type Series = SumSeries | Histogram;

/** The series of one instrument. Whoever asks for one keeps it: asking twice makes two. */
export class Instrument<Kind extends Series = Series> {
  readonly definition: MetricDefinition;
  series: Kind[] = [];
  readonly #create: (attributes: Attributes) => Kind;
  readonly #limit: number;
  #overflow: Kind | undefined;

  constructor(definition: MetricDefinition, limit: number, create: (attributes: Attributes) => Kind) {
    this.definition = definition;
    this.#limit = limit;
    this.#create = create;
  }

  /** A new series, or beyond the limit the one for all that found no place. */
  add(attributes: Attributes): Kind {
    // The last place is the overflow's.
    const own = this.series.length - (this.#overflow ? 1 : 0);
    if (own >= this.#limit - 1) return this.overflow();
    const series = this.#create(attributes);
    this.series.push(series);
    return series;
  }

  overflow(): Kind {
    this.#overflow ??= this.#addOverflow();
    return this.#overflow;
  }

  #addOverflow(): Kind {
    const series = this.#create({ [metricAttributeKeys.overflow]: true });
    this.series.push(series);
    return series;
  }

  isOverflow(series: Kind): boolean {
    return series === this.#overflow;
  }

  /** Forgets these, and so makes room for as many; that of the overflow stays. */
  remove(gone: ReadonlySet<Series>): void {
    this.series = this.series.filter((series) => this.isOverflow(series) || !gone.has(series));
  }
}
