/** What is aggregated: one series for each set of attributes of an instrument, up to a limit. */
import type { Attributes } from '@opentelemetry/api';
import { type MetricDefinition, metricAttributeKeys } from '../../semconv.ts';

/** A number that is added to. */
export class SumSeries {
  readonly attributes: Attributes;
  /** When it began, or was reset (delta temporality): milliseconds as Date.now(). */
  startTime: number;
  value = 0;

  constructor(attributes: Attributes, startTime: number) {
    this.attributes = attributes;
    this.startTime = startTime;
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

  constructor(attributes: Attributes, startTime: number, bounds: readonly number[]) {
    this.attributes = attributes;
    this.startTime = startTime;
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  record(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
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

export type Series = SumSeries | HistogramSeries;

/** The series of one instrument. Whoever asks for one keeps it: asking twice makes two. */
export class Instrument<Kind extends Series = Series> {
  readonly definition: MetricDefinition;
  readonly series: Kind[] = [];
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
    if (this.series.length >= this.#limit - 1) return this.overflow();
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
}
