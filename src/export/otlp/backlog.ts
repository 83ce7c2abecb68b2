/**
 * Encoded batches that wait: in memory, oldest first, bounded by their bytes; and, where there is a spool, on disk when
 * they have waited for a moment, so that what a crash takes is no older than that.
 */
import type { Place, Spool, Use } from '../spool/spool.ts';
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
  /** Times that it was handed out to be sent. */
  attempts: number;
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
  /** On their way to the disk. They wait or are sent meanwhile as if they were not: a disk may take for ever. */
  readonly #storing = new Map<Parcel, Promise<void>>();
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
    return this.#waiting.length + this.#failed.length + this.#sending.size === 0;
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
      const oldest = this.#takeOldest();
      if (oldest === undefined) break;
      this.#release(oldest, 0);
      dropped += oldest.count;
    }
    return dropped;
  }

  /** One that is being written only when all are: else a slow disk would write nothing but what was dropped meanwhile. */
  #takeOldest(): Parcel | undefined {
    const at = this.#waiting.findIndex(({ state }) => state === 'here');
    return this.#waiting.splice(Math.max(at, 0), 1)[0];
  }

  #admit(batch: EncodedBatch, since = performance.now()): Parcel {
    this.bytes += batch.bytes.length;
    return { ...batch, outvoted: 0, passedBefore: undefined, since, state: 'here', attempts: 0 };
  }

  /** A batch to be sent; `putBack`, `replace` or `done` it afterwards. */
  next(turn: Turn): Parcel | undefined {
    const parcel = this.#choose(turn);
    if (!parcel) return undefined;
    parcel.attempts++;
    this.#sending.add(parcel);
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
    return { bytes, count, outvoted: 0, passedBefore: undefined, since: 0, stored: stake, state: 'here', attempts: 0 };
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
      const afresh = { outvoted: 0, passedBefore: undefined, giveBack: undefined, attempts: 0 };
      this.#failed.unshift(...parts.map((part) => ({ ...parcel, ...afresh, ...part })));
    } else {
      this.#waiting.unshift(...parts.map((part) => this.#admit(part, parcel.since)));
      this.#forget(parcel);
    }
  }

  /** The server has it. */
  delivered(parcel: Parcel): void {
    this.#sending.delete(parcel);
    this.#release(parcel, 1);
  }

  /**
   * Its memory goes back when no more than `answered` attempts were made. Of any other nobody knows what became of it: its
   * bytes may still be on their way.
   */
  #release(parcel: Parcel, answered: 0 | 1): void {
    const isOurs = parcel.attempts === answered && parcel.state === 'here';
    this.#forget(parcel);
    if (isOurs) parcel.giveBack?.();
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
    let storing = 0;
    for (const { bytes } of this.#storing.keys()) storing += bytes.length;
    for (const parcel of [...this.#sending, ...this.#waiting]) {
      if (parcel.stored || parcel.state !== 'here') continue;
      const isDue = parcel.since < old || (this.bytes - storing > this.#limit / 2 && !this.#sending.has(parcel));
      if (!isDue) continue;
      // What a disk that stands still has taken stays in memory, whatever becomes of it.
      if (storing >= this.#limit / 4) return;
      storing += parcel.bytes.length;
      this.#store(spool, parcel);
    }
  }

  #store(spool: Spool, parcel: Parcel): void {
    parcel.state = 'being stored';
    const end = spool
      .append(parcel, (place) => this.#onWritten(parcel, place))
      .then((isStored) => {
        this.#storing.delete(parcel);
        if (parcel.state === 'being stored') parcel.state = 'here';
        if (isStored) this.#relieve();
      });
    this.#storing.set(parcel, end);
  }

  /** It leaves memory, unless it is being sent: then it is kept on the disk until it is known what becomes of it. */
  #onWritten(parcel: Parcel, place: Place): Use {
    if (parcel.state === 'done') return 'none';
    if (this.#sending.has(parcel)) {
      parcel.stored = { place, parts: 1 };
      this.bytes -= parcel.bytes.length;
      return 'held';
    }
    this.#waiting.splice(this.#waiting.indexOf(parcel), 1);
    this.#forget(parcel);
    return 'free';
  }

  /** More than half of the memory is taken, and the disk is at work to free it. */
  get isMakingRoom(): boolean {
    return this.#storing.size > 0 && this.bytes > this.#limit / 2;
  }

  /** Records in memory alone. */
  get unsaved(): number {
    let total = 0;
    for (const { stored, count } of [...this.#waiting, ...this.#sending]) if (!stored) total += count;
    return total;
  }

  /** Brings all that is in memory to the disk, if there is a spool; `unsaved` tells what is not there yet. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const spool = this.#spool;
    if (!spool) return;
    this.#waiting.unshift(...[...this.#sending].filter(({ stored }) => !stored));
    this.#sending.clear();
    for (const parcel of this.#waiting) if (parcel.state === 'here') this.#store(spool, parcel);
    await Promise.all(this.#waiting.map((parcel) => this.#storing.get(parcel)));
    await spool.close();
  }
}
