/** Readers in ntopng's place (test/workloads/zmq-sub.c and .ts), and what they got. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { built } from './compile.ts';
import type { Namespace } from './netns.ts';
import { eventually, finished } from './processes.ts';

export type Flow = Readonly<Record<string, number | string>>;

export interface Message {
  readonly topic: string;
  readonly version: number;
  readonly source: number;
  readonly id: number;
  readonly size: number;
  readonly flows?: readonly Flow[];
  // biome-ignore lint/suspicious/noExplicitAny: whatever it was sent.
  readonly json?: any;
}

/** Numbers of fields, as the tests need them. */
export const field = {
  source: 8,
  destination: 12,
  sourcePort: 7,
  destinationPort: 11,
  protocol: 4,
  inBytes: 1,
  outBytes: 23,
  inPackets: 2,
  outPackets: 24,
  clientFlags: 57550,
  serverFlags: 57551,
  sourcePid: 57640,
  sourceName: 57641,
  sourceUser: 57844,
  sourceUserId: 57897,
  sourceParent: 57846,
  destinationPid: 57847,
  destinationName: 57848,
  destinationUserId: 57898,
} as const;

export class Subscriber {
  readonly messages: Message[] = [];
  /** Where it is. */
  readonly endpoint: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, endpoint: string) {
    this.#child = child;
    this.endpoint = endpoint;
  }

  /** In C, in a namespace or, without one, where the test is. */
  static start(namespace: Namespace | undefined, endpoint: string, ...args: readonly string[]): Promise<Subscriber> {
    return Subscriber.#run(namespace, built('test/workloads/zmq-sub.c', 'zmq', 'ndpi'), [endpoint, ...args]);
  }

  static startInJavaScript(namespace: Namespace, endpoint: string, ...topics: readonly string[]): Promise<Subscriber> {
    const script = join(import.meta.dirname, '../workloads/zmq-sub.ts');
    return Subscriber.#run(namespace, process.execPath, [script, endpoint, ...topics]);
  }

  static async #run(namespace: Namespace | undefined, file: string, args: readonly string[]): Promise<Subscriber> {
    const options: SpawnOptions = { stdio: ['pipe', 'pipe', 'inherit'] };
    const child = namespace ? namespace.spawn(file, args, options) : spawn(file, args, options);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [said] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the subscriber did not start'))),
    ]);
    const subscriber = new Subscriber(child, JSON.parse(said).endpoint);
    lines.on('line', (line) => subscriber.messages.push(JSON.parse(line)));
    return subscriber;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All, or those that `wanted` wants. */
  flows(wanted: (flow: Flow) => boolean = () => true): Flow[] {
    return this.messages.flatMap(({ flows, topic, json }) => flows ?? (topic === 'flow' ? json : [])).filter(wanted);
  }

  /** Waits until the sender knows of it, if it has come for events: it tells one at once. */
  async known(): Promise<this> {
    await this.until('an event', ({ messages }) => messages.length > 0);
    return this;
  }

  /** Waits until `enough` is true of what has come. */
  async until(what: string, enough: (subscriber: this) => boolean): Promise<void> {
    const seen = () => (enough(this) ? 'enough' : `${this.messages.length} messages, ${this.flows().length} flows`);
    await eventually(what, seen, (answer) => answer === 'enough');
  }

  /** Everything that was sent to it has been read by then, if the sender has ended. */
  async stop(): Promise<void> {
    const closed = once(this.#child, 'close');
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.stdin?.end();
      await closed;
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await finished(this.#child);
  }
}
