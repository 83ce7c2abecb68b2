/** How long look-ups of names took: a series for each error, and for each name where that is asked for. */
import type { LookupRecord } from '../../../model.ts';
import { metricAttributeKeys } from '../../semconv.ts';
import { secondsBetween } from '../../time.ts';
import type { Histogram, Instrument } from './series.ts';

interface Entry {
  readonly series: Histogram;
  isUsed: boolean;
  lastUse: number;
}

export class LookupSeries {
  readonly #instrument: Instrument<Histogram>;
  readonly #byName: boolean;
  readonly #entries = new Map<string, Entry>();

  constructor(instrument: Instrument<Histogram>, byName: boolean) {
    this.#instrument = instrument;
    this.#byName = byName;
  }

  add(lookup: LookupRecord): void {
    this.#find(lookup).record(Math.max(0, secondsBetween(lookup.startTime, lookup.time)));
  }

  #find({ errorType, questionName }: LookupRecord): Histogram {
    const key = this.#byName ? `${errorType ?? ''} ${questionName}` : (errorType ?? '');
    const known = this.#entries.get(key);
    if (known) {
      known.isUsed = true;
      return known.series;
    }
    const series = this.#instrument.add({
      ...(errorType !== undefined && { [metricAttributeKeys.error]: errorType }),
      ...(this.#byName && { [metricAttributeKeys.questionName]: questionName.toWellFormed() }),
    });
    if (!this.#instrument.isOverflow(series)) this.#entries.set(key, { series, isUsed: true, lastUse: 0 });
    return series;
  }

  /** As of connections. */
  sweep(now: number, ttl: number): void {
    const gone = new Set<Histogram>();
    for (const [key, entry] of this.#entries) {
      if (entry.isUsed) {
        entry.isUsed = false;
        entry.lastUse = now;
      } else if (now - entry.lastUse >= ttl) {
        gone.add(entry.series);
        this.#entries.delete(key);
      }
    }
    if (gone.size > 0) this.#instrument.remove(gone);
  }
}
