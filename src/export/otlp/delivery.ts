/**
 * From encoded batches to a server that has them: kept until the server took them, tried again for as long as there is
 * room for them. Every record ends as sent, as kept for the next run or in one count of the ledger. It knows neither what
 * is in a batch nor by which protocol it travels.
 */
import type { Ledger } from '../../ledger.ts';
import type { Spool } from '../spool/spool.ts';
import { Backlog, type Parcel } from './backlog.ts';
import type { DeliveryCounts, DeliveryOptions, Say } from './delivery-options.ts';
import { Health, isFaultOfRequest } from './health.ts';
import type { EncodedBatch } from './log-writer.ts';
import { splitRequest } from './split.ts';
import type { Outcome, Refused, Transport } from './transport.ts';

export type { DeliveryLimits, Say } from './delivery-options.ts';

const MEBIBYTE = 1024 * 1024;
/** Requests at once: enough to fill a connection to another continent, few enough to bound what a crash sends twice. */
const CONCURRENCY = 4;
/** A connection on which requests failed so often in a row is replaced: what is wrong may be wrong with it alone. */
const RENEW_AFTER = 3;
/** A server that wants to be left alone for longer is asked all the same. Milliseconds. */
const LONGEST_WISH = 600_000;
/** At the end, failures in a row after which the server is taken to be gone; one is enough where nothing gets lost by it. */
const LAST_FAILURES = { withSpool: 1, without: 2 };
/** With a spool, milliseconds at the end without an answer after which there is no more waiting, and those for the disk. */
const LAST_WAIT = 2000;
const LAST_WRITES = 1000;
/** Failures of a batch, while others pass, after which it is divided; and, of what can't be divided, dropped. */
const DIVIDE_AFTER = 5;
const DROP_AFTER = 50;
const MAX_REASONS = 100;
const LEAST_STUCK = 60_000;

export class Delivery {
  /** As in the limits. */
  readonly stuckMs: number;
  readonly counts: DeliveryCounts = { requests: 0, retries: 0, splits: 0, renewals: 0 };
  /** Called with each request that was answered: seconds, and `undefined` for accepted or the reason of the failure. */
  onRequest: (seconds: number, reason: string | undefined) => void = () => undefined;
  readonly #name: string;
  readonly #title: string;
  readonly #items: string;
  readonly #transport: Transport;
  readonly #ledger: Ledger;
  readonly #say: Say;
  readonly #backlog: Backlog;
  readonly #spool: Spool | undefined;
  readonly #retryMs: readonly [number, number];
  readonly #watchdog: NodeJS.Timeout;
  /** With when it was sent. */
  readonly #inFlight = new Map<Parcel, number>();
  readonly #saidReasons = new Set<string>();
  readonly #health = new Health();
  #pauseTimer: NodeJS.Timeout | undefined;
  /** Attempts since the last success; requests that fail together are one. */
  #failures = 0;
  #failuresAtEnd = 0;
  /** Batches that the server took. */
  #passed = 0;
  /** When something passed last, or there was nothing to do. */
  #lastProgress = performance.now();
  #largest = Number.POSITIVE_INFINITY;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #lastWait: NodeJS.Timeout | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | undefined;
  #resolveClosed: () => void = () => undefined;

  constructor({ name, title, items = 'records', transport, ledger, say, limits = {}, spool }: DeliveryOptions) {
    this.#name = name;
    this.#title = title;
    this.#items = items;
    this.#transport = transport;
    this.#ledger = ledger;
    this.#say = say;
    this.#spool = spool;
    this.#backlog = new Backlog(limits.queueBytes ?? 32 * MEBIBYTE, spool);
    this.#retryMs = limits.retryMs ?? [1000, 30_000];
    this.stuckMs = limits.stuckMs ?? Math.max(LEAST_STUCK, 2 * (transport.timeoutMs ?? 0));
    this.#watchdog = setInterval(() => this.#watch(), this.stuckMs / 4).unref();
    if (!spool) return;
    spool.onReady = () => this.#pump();
    this.#pump();
  }

  /** Bytes in memory of the batches that are not sent yet, those in flight included. */
  get queuedBytes(): number {
    return this.#backlog.bytes;
  }

  /** What waits in memory. */
  get waiting(): Pick<Backlog, 'unsaved' | 'isMakingRoom'> {
    return this.#backlog;
  }

  /** Bytes on disk; undefined without a spool. */
  get spoolBytes(): number | undefined {
    return this.#spool?.bytes;
  }

  /** Bytes that the server is known to take in one request, as far as it has refused larger ones. */
  get largest(): number {
    return this.#largest;
  }

  /** Takes a batch over; its bytes must not change any more. */
  push(batch: EncodedBatch): void {
    if (this.#state === 'closed') return void this.#ledger.lose('export', 'shutdown', batch.count);
    if (this.#backlog.isIdle) this.#lastProgress = performance.now();
    const dropped = this.#backlog.push(batch);
    if (dropped > 0) this.#lose('queue_full', dropped, `the queue is full: the oldest ${this.#items} are dropped`);
    this.#pump();
  }

  /**
   * Sends what waits until `deadline` (as performance.now()) or until the server is plainly gone; the rest goes to the spool or
   * is counted. What is in the spool stays there. Idempotent.
   */
  shutdown(deadline: number): Promise<void> {
    this.#closed ??= this.#shutdown(deadline);
    return this.#closed;
  }

  /** Requests while the server is well; one at a time, as a probe, while it isn't; none in a pause. */
  #pump(): void {
    const limit = this.#failures > 0 ? 1 : CONCURRENCY;
    const turn = this.#state === 'closing' ? 'last' : this.#failures > 0 ? 'probe' : 'live';
    while (this.#state !== 'closed' && this.#pauseTimer === undefined && this.#inFlight.size < limit) {
      const parcel = this.#backlog.next(turn);
      if (parcel === undefined) break;
      this.#send(parcel);
    }
    if (this.#state === 'closing' && this.#inFlight.size === 0 && this.#backlog.length === 0) void this.#finish();
  }

  #send(parcel: Parcel): void {
    const begin = performance.now();
    this.#inFlight.set(parcel, begin);
    void this.#transport.send(parcel.bytes).then((outcome) => {
      // What came too late for the watchdog or the deadline is tried again or counted already.
      if (this.#inFlight.get(parcel) === begin && this.#state !== 'closed') this.#onOutcome(parcel, outcome);
    });
  }

  #onOutcome(parcel: Parcel, outcome: Outcome): void {
    const seconds = (performance.now() - (this.#inFlight.get(parcel) as number)) / 1000;
    this.#inFlight.delete(parcel);
    this.counts.requests++;
    this.onRequest(seconds, outcome.status === 'accepted' ? undefined : outcome.reason);
    if (outcome.status === 'accepted') this.#onSuccess(parcel, outcome.rejected, outcome.message);
    else if (outcome.status === 'split') this.#split(parcel, outcome);
    else if (outcome.status === 'drop') this.#drop(parcel, outcome, outcome.reason);
    else this.#retry(parcel, outcome);
    this.#pump();
  }

  #onSuccess(parcel: Parcel, rejected: number, message: string): void {
    this.#backlog.delivered(parcel);
    const refused = Math.min(Math.max(rejected, 0), parcel.count);
    if (refused > 0) this.#lose('rejected', refused, `the server rejected ${this.#items}: ${message}`);
    else if (message !== '') this.#sayOnce(`the server warns: ${message}`);
    this.#ledger.deliver(this.#name, parcel.count - refused);
    if (parcel.stored?.place.segment.isOld) this.#ledger.restore(this.#name, parcel.count - refused);
    if (this.#state === 'closing') this.#waitALittle();
    this.#passed++;
    this.#lastProgress = performance.now();
    this.#failures = 0;
    if (!this.#health.onSuccess()) return;
    this.#saidReasons.clear();
    this.#say(`${this.#title}: ${this.#transport.endpoint} takes ${this.#items} again`);
  }

  #split(parcel: Parcel, failure: Refused): void {
    const parts = this.#divide(parcel);
    if (parts === undefined) return void this.#drop(parcel, failure, 'too_large');
    // The larger part: the smaller one may be what a single large record left over.
    const [one, other] = parts;
    this.#largest = Math.min(this.#largest, Math.max(one.bytes.length, other.bytes.length));
    this.#sayOnce(`requests are made smaller: ${failure.message}`);
  }

  #divide(parcel: Parcel): ReturnType<typeof splitRequest> {
    const parts = splitRequest(parcel);
    if (parts === undefined) return undefined;
    this.counts.splits++;
    this.#backlog.replace(parcel, parts);
    return parts;
  }

  #drop(parcel: Parcel, { status, message }: Refused, reason: string): void {
    if (status !== 'split' && !isFaultOfRequest(reason)) this.#health.onTrouble();
    this.#backlog.done(parcel);
    this.#lose(reason, parcel.count, `${this.#items} were refused and are dropped: ${message}`);
  }

  #retry(parcel: Parcel, failure: Refused): void {
    this.counts.retries++;
    this.#health.onTrouble();
    if (parcel.passedBefore !== undefined && this.#passed > parcel.passedBefore) parcel.outvoted++;
    parcel.passedBefore = this.#passed;
    const isDivided = parcel.outvoted >= DIVIDE_AFTER && this.#divide(parcel) !== undefined;
    if (!isDivided && parcel.outvoted >= DROP_AFTER) this.#drop(parcel, failure, failure.reason);
    else if (!isDivided) this.#backlog.putBack(parcel);
    this.#sayOnce(`${this.#items} wait and are tried again: ${failure.message}`);
    if (this.#pauseTimer !== undefined) return;
    this.#failures++;
    if (this.#failures % RENEW_AFTER === 0) this.#transport.renew();
    if (this.#state === 'closing' && this.#isGone(failure)) void this.#finish();
    else this.#pause(failure.retryAfterMs);
  }

  /** At the end there is no time to lose; a server that says when to come back gets its way if the deadline allows. */
  #isGone({ retryAfterMs = 0 }: Refused): boolean {
    if (retryAfterMs > 0 && !this.#spool) return performance.now() + retryAfterMs >= this.#deadline;
    return ++this.#failuresAtEnd >= (this.#spool ? LAST_FAILURES.withSpool : LAST_FAILURES.without);
  }

  /** Exponential with jitter, so that many agents don't come back as one: half to all of it, or what the server wants and a little. */
  #pause(wish: number | undefined): void {
    const [first, longest] = this.#retryMs;
    const own = Math.min(first * 2 ** (this.#failures - 1), longest) * (0.5 + Math.random() / 2);
    const wanted = Math.min(wish ?? 0, LONGEST_WISH) * (1 + Math.random() / 10);
    const pause = this.#state === 'closing' ? Math.max(first / 2, wish ?? 0) : Math.max(own, wanted);
    this.#pauseTimer = setTimeout(() => this.#resume(), pause).unref();
  }

  #resume(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    this.#pump();
  }

  /** Neither a request without an answer nor a connection on which nothing passes lasts for ever. */
  #watch(): void {
    const now = performance.now();
    if (this.#backlog.isIdle) this.#lastProgress = now;
    const isStuck = now - this.#lastProgress > this.stuckMs && this.#pauseTimer === undefined;
    if (isStuck) {
      this.#lastProgress = now;
      this.counts.renewals++;
      this.#transport.renew();
    }
    const message = `no answer for ${this.stuckMs / 1000} s`;
    for (const [parcel, sent] of this.#inFlight)
      if (now - sent > this.stuckMs)
        this.#onOutcome(parcel, { status: 'retry', reason: 'no_answer', message, retryAfterMs: undefined });
    if (isStuck) this.#pump();
  }

  async #shutdown(deadline: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolveClosed = resolve;
    this.#state = 'closing';
    this.#deadline = deadline;
    // The one timer that keeps the process alive: until here at most.
    const left = deadline - performance.now();
    const forDisk = this.#spool ? Math.min(LAST_WRITES, left / 2) : 0;
    const timer = setTimeout(() => void this.#finish(), Math.max(0, left - forDisk));
    this.#waitALittle();
    this.#resume();
    await promise;
    clearTimeout(timer);
  }

  /** Where there is a spool, nobody has to wait for a server that doesn't answer. */
  #waitALittle(): void {
    clearTimeout(this.#lastWait);
    if (this.#spool) this.#lastWait = setTimeout(() => void this.#finish(), LAST_WAIT).unref();
  }

  /** What is neither sent nor counted by now is kept or lost. */
  async #finish(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#pauseTimer);
    clearTimeout(this.#lastWait);
    clearInterval(this.#watchdog);
    this.#transport.close();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, Math.max(0, this.#deadline - performance.now()));
    await Promise.race([this.#backlog.close(), late.promise]);
    clearTimeout(timer);
    if (this.#backlog.unsaved > 0) this.#ledger.lose('export', 'shutdown', this.#backlog.unsaved);
    if (this.#spool?.records) this.#ledger.keep(this.#name, this.#spool.records);
    this.#resolveClosed();
  }

  #lose(reason: string, count: number, message: string): void {
    this.#ledger.lose('export', reason, count);
    this.#sayOnce(message);
  }

  /** Each reason once, until the server is well again: what goes on is in the counts. */
  #sayOnce(message: string): void {
    if (this.#saidReasons.has(message) || this.#saidReasons.size >= MAX_REASONS) return;
    this.#saidReasons.add(message);
    this.#say(`${this.#title}: ${this.#transport.endpoint}: ${message}`);
  }
}
