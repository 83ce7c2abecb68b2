/**
 * Encoded batches that wait: in memory, oldest first, bounded by their bytes; and, where there is a spool, on disk when
 * they have waited for a moment, so that what a crash takes is no older than that.
 */
import type { Place, Spool } from '../spool/spool.ts';
import type { EncodedBatch } from './log-writer.ts';

/** A batch on its way. */
export interface Parcel extends EncodedBatch {
  /** Times that it failed and other batches had passed since the time before: that says it's this one's fault. */
  outvoted: number;
  /** Batches that had passed when it failed last. */
  passedBefore: number | undefined;
  /** When it came: milliseconds of performance.now(). */
  readonly since: number;
  /** Where it lies in the spool; of a batch that was divided, how many of its parts are not done yet. */
  stored?: { readonly place: Place; parts: number };
  state: 'here' | 'being stored' | 'done';
}

/** Whose turn it is: what came last while the server is well, what is on disk while it isn't, at the end no old ones. */
export type Turn = 'live' | 'probe' | 'last';

/** Milliseconds in memory after which a batch goes to the spool, sent or not. */
const STORE_AFTER = 500;
const LOOK = 250;
/** Batches of the spool that failed and are tried again before further ones are read. */
const MOST_FAILED = 4;

export class Backlog {
  /** Bytes in memory: all that came and is neither done nor on disk, what is being sent included. */
  bytes = 0;
  readonly #limit: number;
  readonly #spool: Spool | undefined;
  #waiting: Parcel[] = [];
  /** On disk as well. */
  readonly #failed: Parcel[] = [];
  readonly #sending = new Set<Parcel>();
  readonly #storing = new Set<Parcel>();
  readonly #timer: NodeJS.Timeout | undefined;
  #probes = 0;

  constructor(limit: number, spool?: Spool) {
    this.#limit = limit;
    this.#spool = spool;
    if (spool) this.#timer = setInterval(() => this.#relieve(), LOOK).unref();
  }

  /** Batches in memory that wait to be sent. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Nothing waits or is on its way, as far as is known without reading the disk. */
  get isIdle(): boolean {
    return this.#waiting.length + this.#failed.length + this.#sending.size + this.#storing.size === 0;
  }

  /** Batches that were handed out by `next` and have not come back. */
  get sending(): ReadonlySet<Parcel> {
    return this.#sending;
  }

  /** Takes a new batch over. Returns the records that were dropped for it: the oldest go first. */
  push(batch: EncodedBatch): number {
    this.#waiting.push(this.#admit(batch));
    this.#relieve();
    let dropped = 0;
    while (this.bytes > this.#limit) {
      const oldest = this.#waiting.shift();
      if (oldest === undefined) break;
      this.#forget(oldest);
      dropped += oldest.count;
    }
    return dropped;
  }

  #admit({ bytes, count }: EncodedBatch): Parcel {
    this.bytes += bytes.length;
    return { bytes, count, outvoted: 0, passedBefore: undefined, since: performance.now(), state: 'here' };
  }

  /** A batch to be sent; `putBack`, `replace` or `done` it afterwards. */
  next(turn: Turn): Parcel | undefined {
    const parcel = this.#choose(turn);
    if (parcel) this.#sending.add(parcel);
    return parcel;
  }

  #choose(turn: Turn): Parcel | undefined {
    if (turn === 'last') return this.#waiting.shift();
    if (turn === 'live') return this.#waiting.shift() ?? this.#failed.shift() ?? this.#read();
    // It may be the fault of the one batch that all of it stands still, so it isn't always the same one's turn.
    const isLive = this.#probes++ % 2 > 0;
    const fromDisk = () => (this.#failed.length < MOST_FAILED ? this.#read() : undefined) ?? this.#failed.shift();
    return isLive ? (this.#waiting.shift() ?? fromDisk()) : (fromDisk() ?? this.#waiting.shift());
  }

  #read(): Parcel | undefined {
    const stored = this.#spool?.take();
    if (stored === undefined) return undefined;
    const { bytes, count, place } = stored;
    const stake = { place, parts: 1 };
    return { bytes, count, outvoted: 0, passedBefore: undefined, since: 0, stored: stake, state: 'here' };
  }

  /** To be tried again, behind the next one. */
  putBack(parcel: Parcel): void {
    this.#sending.delete(parcel);
    if (parcel.stored) this.#failed.push(parcel);
    else this.#waiting.splice(1, 0, parcel);
  }

  /** Parts of a batch, to be sent in its place. */
  replace(parcel: Parcel, parts: readonly EncodedBatch[]): void {
    this.#sending.delete(parcel);
    const { stored } = parcel;
    if (stored) {
      stored.parts += parts.length - 1;
      this.#failed.unshift(...parts.map((part) => ({ ...parcel, ...part, outvoted: 0, passedBefore: undefined })));
    } else {
      this.#waiting.unshift(...parts.map((part) => this.#admit(part)));
      this.#forget(parcel);
    }
  }

  /** Delivered, or lost for good. */
  done(parcel: Parcel): void {
    this.#sending.delete(parcel);
    this.#forget(parcel);
  }

  #forget(parcel: Parcel): void {
    const { stored } = parcel;
    if (!stored) this.bytes -= parcel.bytes.length;
    else if (--stored.parts === 0) this.#spool?.done(stored.place);
    parcel.state = 'done';
  }

  /** Brings to the disk what has waited, or been sent without an answer, for a while; sooner when memory gets short. */
  #relieve(): void {
    const spool = this.#spool;
    if (!spool || spool.isBlocked) return;
    const old = performance.now() - STORE_AFTER;
    for (const parcel of this.#sending)
      if (!parcel.stored && parcel.state === 'here' && parcel.since < old) void this.#storeSent(spool, parcel);
    let storing = 0;
    for (const { bytes } of this.#storing) storing += bytes.length;
    const isDue = (parcel: Parcel) => parcel.since < old || this.bytes - storing > this.#limit / 2;
    for (let first = this.#waiting[0]; first?.state === 'here' && isDue(first); first = this.#waiting[0]) {
      this.#waiting.shift();
      storing += first.bytes.length;
      void this.#store(spool, first);
    }
  }

  /** From memory to the disk. Resolves to whether it is there. */
  async #store(spool: Spool, parcel: Parcel): Promise<boolean> {
    this.#storing.add(parcel);
    const place = await spool.append(parcel, false);
    this.#storing.delete(parcel);
    if (place) this.#forget(parcel);
    else this.#insert(parcel);
    return place !== undefined;
  }

  /** By age. */
  #insert(parcel: Parcel): void {
    const at = this.#waiting.findIndex(({ since }) => since > parcel.since);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, parcel);
  }

  /** To the disk as well, for as long as nobody knows what becomes of it. */
  async #storeSent(spool: Spool, parcel: Parcel): Promise<void> {
    parcel.state = 'being stored';
    const place = await spool.append(parcel, true);
    const isDone = (parcel.state as Parcel['state']) === 'done';
    if (!isDone) parcel.state = 'here';
    if (place === undefined || place === 'stored') return;
    if (isDone) return spool.done(place);
    parcel.stored = { place, parts: 1 };
    this.bytes -= parcel.bytes.length;
    const at = this.#waiting.indexOf(parcel);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#failed.push(parcel);
  }

  /** Records in memory alone. */
  get unsaved(): number {
    let total = 0;
    for (const parcels of [this.#waiting, this.#sending, this.#storing])
      for (const { stored, count } of parcels) if (!stored) total += count;
    return total;
  }

  /** Brings all that is in memory to the disk, if there is a spool; `unsaved` tells what is not there yet. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const spool = this.#spool;
    if (!spool) return;
    const left = [...this.#sending].filter(({ stored, state }) => !stored && state === 'here');
    for (const parcel of left) this.#sending.delete(parcel);
    const waiting = [...left, ...this.#waiting.splice(0)];
    await Promise.all(waiting.map((parcel) => this.#store(spool, parcel)));
    await spool.close();
  }
}
