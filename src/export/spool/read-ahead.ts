/** Batches of the segments, oldest first, some of them read before anybody asks. */
import type { SpoolBooks } from './books.ts';
import type { Batch } from './frame.ts';
import { nextAttempt } from './pauses.ts';
import type { Place, Segment } from './segment.ts';

/** A batch that was read back. */
export interface Stored extends Batch {
  readonly place: Place;
}

/** Frames are read together until they make so many bytes: small ones of a quiet hour travel in one request. */
const BATCH = 2 ** 19;
/** Batches that are read ahead. */
const AHEAD = 2;

export interface ReadAheadOptions {
  /** Oldest first; others come and go. */
  readonly segments: readonly Segment[];
  readonly books: SpoolBooks;
  /** Does one piece of work on files after the other. */
  readonly run: <Result>(task: () => Promise<Result>) => Promise<Result | undefined>;
  /** Called when there is something to take that was not there before. */
  readonly onReady: () => void;
}

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #ready: Stored[] = [];
  #isReading = false;
  #isClosed = false;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
  }

  /** The oldest batch, if one is at hand. */
  take(): Stored | undefined {
    const stored = this.#ready.shift();
    this.fill();
    return stored;
  }

  /** Reads, if there is room. To be called when there may be something new. */
  fill(): void {
    if (this.#isReading || this.#isClosed || this.#ready.length >= AHEAD) return;
    this.#isReading = true;
    void this.#options
      .run(() => this.#readNext())
      .then((stored) => {
        this.#isReading = false;
        if (stored === undefined) return;
        this.#ready.push(stored);
        this.fill();
        this.#options.onReady();
      });
  }

  close(): void {
    this.#isClosed = true;
  }

  async #readNext(): Promise<Stored | undefined> {
    for (const segment of this.#options.segments) {
      while (!segment.isRead && !segment.isForeign && performance.now() >= segment.pausedUntil) {
        const stored = await this.#readFrom(segment);
        if (stored) return stored;
      }
      if (segment.isForeign) this.#passOver(segment);
    }
    return undefined;
  }

  async #readFrom(segment: Segment): Promise<Stored | undefined> {
    try {
      const { batch, damaged, lost } = await segment.read(BATCH);
      if (damaged > 0) this.#options.books.onDamage(segment, lost);
      [segment.failures, segment.pausedUntil] = [0, 0];
      return batch;
    } catch (error) {
      await this.#onUnreadable(segment, error);
      return undefined;
    }
  }

  /** What the file system can't do now (EMFILE, EIO) it may do later; what is gone won't come back. */
  async #onUnreadable(segment: Segment, error: unknown): Promise<void> {
    const { books } = this.#options;
    await segment.close().catch(() => undefined);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      books.fault(error);
      segment.pausedUntil = nextAttempt(segment.failures++);
      return;
    }
    books.lose('spool_missing', segment.unread, segment);
    books.giveUp(segment, error);
    [segment.failures, segment.unread, segment.position] = [0, 0, segment.size];
  }

  #passOver(segment: Segment): void {
    segment.position = segment.size;
    this.#options.books.say(`${segment.path} was written by another version of sockflow: it is left alone`);
  }
}
