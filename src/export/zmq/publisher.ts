/**
 * One endpoint: flows wait until somebody listens and has room, then leave in order; what has no room to wait is counted.
 * Everything that the socket is asked is answered at once, so it is looked at again and again while something waits, and
 * ten times a second for who has come.
 */
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { XPublisher } from 'zeromq';
import { createHeader, type Payload, type Topic, type Version } from './message.ts';
import { PayloadQueue } from './queue.ts';
import { createSubscriptions } from './subscriptions.ts';

export interface PublisherOptions {
  readonly socket: XPublisher;
  /** Of the messages with flows; others are JSON. */
  readonly version: Version;
  /** 1 to 255. */
  readonly source: number;
  /** Bytes that may wait. */
  readonly limit: number;
  /** A payload was given to the library for all who listen. */
  readonly onSent: (payload: Payload) => void;
  /** It will never be. */
  readonly onLost: (payload: Payload, reason: 'queue_full' | 'shutdown') => void;
  /** Somebody has come for these. */
  readonly onSubscriber: (topics: readonly Topic[]) => void;
  /** Messages that say nothing new, for the end. */
  readonly last: { readonly event: () => Buffer; readonly flow: Buffer };
  /** What nobody expects. */
  readonly onError: (error: Error) => void;
}

/** Milliseconds. */
const LOOK_EVERY = 100;
/** One that reads makes room within microseconds. */
const EAGER_TRIES = 20;
const LONGEST_PAUSE = 50;
/** Messages in a row before others get their turn. */
const MOST_IN_A_TURN = 16;
/** How long a connection that is lost may take to be the loss of a subscriber, if it is one. */
const LEAVE_TIME = 1_000;
/** With room for one message, the library has passed on all flows when it has taken so many behind them. */
const LAST_ONES = 3;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #queue: PayloadQueue;
  readonly #subscriptions = createSubscriptions();
  /** Out of the queue until it is sent: one that is on its way must not be counted as dropped. */
  #current: Payload | undefined;
  /** The latest of each topic; it is worth nothing later. */
  readonly #urgent = new Map<Topic, Buffer>();
  readonly #timer: NodeJS.Timeout;
  #nextId = 1;
  #pumping: Promise<void> | undefined;
  #isClosed = false;
  /** Until then, or until somebody has left, nothing is sent. */
  #leavingUntil = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#queue = new PayloadQueue(options.limit);
    this.#timer = setInterval(() => this.#pump(), LOOK_EVERY).unref();
  }

  /** Takes flows over; their bytes must not change any more. */
  push(payload: Payload): void {
    if (this.#isClosed) return void this.#options.onLost(payload, 'shutdown');
    for (const dropped of this.#queue.push(payload)) this.#options.onLost(dropped, 'queue_full');
    this.#pump();
  }

  /** Leaves before all flows that wait, and not at all where nobody listens. */
  tell(topic: Topic, json: Buffer): void {
    this.#urgent.set(topic, json);
    this.#pump();
  }

  /**
   * A connection is lost. The library knows that before it says who has left, and would drop without a word what it is given
   * for him meanwhile.
   */
  onDisconnect(): void {
    this.#leavingUntil = performance.now() + LEAVE_TIME;
  }

  /** Of flows that wait. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  isHeard(topic: Topic): boolean {
    return this.#subscriptions.has(topic);
  }

  /** Sends what waits, until `deadline` (as performance.now()) or until nobody listens; the rest is lost. Idempotent. */
  async close(deadline: number): Promise<void> {
    if (this.#isClosed) return;
    clearInterval(this.#timer);
    this.#deadline = deadline;
    await this.#pump();
    if (this.#subscriptions.has('flow')) await this.#passOn();
    this.#isClosed = true;
    this.#options.socket.close();
    this.#loseRest();
  }

  #loseRest(): void {
    for (let payload = this.#current ?? this.#queue.shift(); payload; payload = this.#queue.shift())
      this.#options.onLost(payload, 'shutdown');
    this.#current = undefined;
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#run()
      .catch(this.#options.onError)
      .finally(() => {
        this.#pumping = undefined;
      });
    return this.#pumping;
  }

  async #run(): Promise<void> {
    for (let count = 1; !this.#isClosed && performance.now() < this.#deadline; count++) {
      await this.#listen();
      await this.#letLeave();
      if (!(await this.#sendNext())) return;
      if (count % MOST_IN_A_TURN === 0) await nextTurn();
    }
  }

  /** What subscribers have said. It is asked before each message, so that none is sent to one who has left. */
  async #listen(): Promise<void> {
    const { socket, onSubscriber } = this.#options;
    while (socket.readable) {
      const [message] = await socket.receive();
      const topics = message ? this.#subscriptions.learn(message) : [];
      if (message?.[0] === 0) this.#leavingUntil = 0;
      if (topics.length > 0) onSubscriber(topics);
    }
  }

  async #letLeave(): Promise<void> {
    while (performance.now() < Math.min(this.#leavingUntil, this.#deadline)) {
      await wait(1);
      await this.#listen();
    }
  }

  /** False: there is nothing to send, or nobody to send it to. */
  async #sendNext(): Promise<boolean> {
    for (const [topic, bytes] of this.#urgent) {
      this.#urgent.delete(topic);
      await this.#send(topic, 2, bytes);
      return true;
    }
    this.#current ??= this.#queue.shift();
    const payload = this.#current;
    if (!payload || !(await this.#send('flow', this.#options.version, payload.bytes))) return false;
    this.#current = undefined;
    this.#options.onSent(payload);
    return true;
  }

  /** Waits until there is room. False: time is up, or those who listened have left. */
  async #send(topic: Topic, version: Version, bytes: Buffer): Promise<boolean> {
    const header = createHeader(topic, version, this.#options.source, bytes.length, this.#nextId);
    for (let tries = 0; this.#subscriptions.has(topic); tries++) {
      if (await this.#trySend(header, bytes)) return true;
      if (performance.now() >= this.#deadline) return false;
      const beyond = tries - EAGER_TRIES;
      await (beyond > 0 ? wait(Math.min(beyond, LONGEST_PAUSE)) : nextTurn());
      await this.#listen();
      await this.#letLeave();
    }
    return false;
  }

  async #trySend(header: Buffer, bytes: Buffer): Promise<boolean> {
    try {
      await this.#options.socket.send([header, bytes]);
      this.#nextId++;
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      return false;
    }
  }

  /** The process ends without waiting for the library, so it has to have done its work before. */
  async #passOn(): Promise<void> {
    const { last, version } = this.#options;
    for (let count = 0; count < LAST_ONES; count++) {
      if (this.#subscriptions.has('event')) await this.#send('event', 2, last.event());
      else await this.#send('flow', version, last.flow);
    }
  }
}
