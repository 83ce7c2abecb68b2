/**
 * Histograms of base-2 exponential buckets: bucket `index` holds what is above base^index, up to base^(index+1), where
 * base = 2^(2^-scale). The scale is as fine as the values allow with 160 buckets: 2 % where they are within one decade.
 */
import type { Attributes } from '@opentelemetry/api';
import type { ConnectionRecord } from '../../../model.ts';
import { type Exemplar, type ExemplarFilter, none, Reservoir } from './exemplars.ts';

/** As the SDKs have it by default. */
const MOST_BUCKETS = 160;
const FINEST = 20;
const EXEMPLARS = 20;

export class ExponentialSeries {
  readonly attributes: Attributes;
  /** Milliseconds as Date.now(). */
  startTime: number;
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  scale = FINEST;
  /** Of what is not above 0. */
  zeroCount = 0;
  /** Index of the first bucket. */
  offset = 0;
  counts: number[] = [];
  readonly #exemplars: Reservoir | undefined;

  constructor(attributes: Attributes, startTime: number, filter?: ExemplarFilter) {
    this.attributes = attributes;
    this.startTime = startTime;
    this.#exemplars = filter && new Reservoir(filter, EXEMPLARS);
  }

  /** `record`: what it was measured at. */
  record(value: number, record?: ConnectionRecord): void {
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (value > 0) this.#countIn(indexOf(value, this.scale));
    else this.zeroCount++;
    if (this.#exemplars && record) this.#exemplars.offer(value, record);
  }

  #countIn(index: number): void {
    if (this.counts.length === 0) this.offset = index;
    const place = this.#makeRoom(index) - this.offset;
    this.counts[place] = (this.counts[place] as number) + 1;
  }

  /** Returns the index that it has afterwards: with a coarser scale it is another one. */
  #makeRoom(index: number): number {
    const low = Math.min(this.offset, index);
    const high = Math.max(this.offset + this.counts.length - 1, index);
    let shift = 0;
    while ((high >> shift) - (low >> shift) >= MOST_BUCKETS) shift++;
    if (shift > 0) this.#coarsen(shift);
    const moved = index >> shift;
    while (moved < this.offset) {
      this.counts.unshift(0);
      this.offset--;
    }
    while (moved >= this.offset + this.counts.length) this.counts.push(0);
    return moved;
  }

  /** Merges 2^shift buckets into one. */
  #coarsen(shift: number): void {
    const counts: number[] = [];
    const offset = this.offset >> shift;
    this.counts.forEach((count, place) => {
      const to = ((this.offset + place) >> shift) - offset;
      counts[to] = (counts[to] ?? 0) + count;
    });
    this.counts = counts;
    this.offset = offset;
    this.scale -= shift;
  }

  takeExemplars(): readonly Exemplar[] {
    return this.#exemplars?.take() ?? none;
  }

  reset(now: number): void {
    this.startTime = now;
    this.count = 0;
    this.sum = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = Number.NEGATIVE_INFINITY;
    this.scale = FINEST;
    this.zeroCount = 0;
    this.offset = 0;
    this.counts = [];
  }
}

/** An upper bound belongs to its bucket. */
function indexOf(value: number, scale: number): number {
  return Math.ceil(Math.log2(value) * 2 ** scale) - 1;
}
