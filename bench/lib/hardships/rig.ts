/** One hardship: a load alone, beside an agent that suffers, alone again; then whether the agent is as good as new. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, type AgentOptions, startAgent } from '../../../test/support/agent.ts';
import { readCounters } from '../../../test/support/kernel-counters.ts';
import { allEnded, watching } from '../../../test/support/lab.ts';
import { type Namespace, withNamespace } from '../../../test/support/netns.ts';
import { type Books, books } from '../../../test/support/summary.ts';
import { type Load, type LoadResult, runLoad } from '../loads.ts';
import { peakMemory } from '../measure.ts';
import { runLives } from './lives.ts';

export interface Row {
  readonly name: string;
  /** Rate of the load beside the agent over its rate alone; undefined where there is none to compare. */
  readonly ratio: number | undefined;
  /** The most memory that it ever had, MiB. */
  readonly memory: number;
  /** What the kernel or the load counted, and what the agent says of it. */
  readonly account: string;
  /** Both are the same. */
  readonly isExact: boolean;
  /** Seconds until it worked normally. */
  readonly recovery: number | undefined;
}

export interface Hardship {
  readonly name: string;
  run(): Promise<Row>;
}

export interface Place {
  readonly namespace: Namespace;
  /** Of its own, and removed in the end. */
  readonly directory: string;
}

export interface Scene extends Place {
  readonly agent: Agent;
}

export interface Trouble {
  readonly name: string;
  /** Of the agent, besides the usual ones. */
  readonly args?: readonly string[];
  readonly options?: (place: Place) => AgentOptions;
  readonly load?: (namespace: Namespace, place: Place) => Promise<LoadResult>;
  /** What happens to it while the load runs; what that returns ends it. */
  readonly begin?: (scene: Scene) => Promise<() => Promise<void>>;
}

/** In the directory of the place. */
export const RECORDS = 'records';
export const CONNECTIONS = 20_000;

const storm: Load = { name: 'storm', unit: 'connections', kind: 'connections', pinned: false, factor: 1 };
const aStorm = (namespace: Namespace) => runLoad(namespace, storm, CONNECTIONS);

const rateOf = ({ operations, seconds }: LoadResult) => operations / seconds;

export function sayRow(name: string, what: string): void {
  process.stderr.write(`${name}: ${what}\n`);
}

export async function inDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-hardship-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await body(directory);
  } finally {
    remove();
    process.off('exit', remove);
  }
}

/** The load without an agent, in a namespace that is as new. */
export async function bare(load: NonNullable<Trouble['load']>): Promise<number> {
  return inDirectory((directory) =>
    withNamespace(async (namespace) => rateOf(await load(namespace, { namespace, directory }))),
  );
}

/** Active and passive opens are what begins, failed attempts among them. */
async function endsIn(namespace: Namespace): Promise<number> {
  const { 'Tcp.ActiveOpens': active = 0, 'Tcp.PassiveOpens': passive = 0 } = await readCounters(namespace);
  return active + passive;
}

export async function endure(trouble: Trouble): Promise<Row> {
  const { name, load = aStorm } = trouble;
  await bare(load); // warms up
  const before = await bare(load);
  const { rate, summary, ...found } = await beside(trouble, load);
  sayRow(name, summary);
  const after = await bare(load);
  return { name, ...found, ratio: (2 * rate) / (before + after) };
}

async function beside(trouble: Trouble, load: NonNullable<Trouble['load']>) {
  const { begin } = trouble;
  return withScene(trouble, async (scene) => {
    const end = await begin?.(scene);
    const done = await load(scene.namespace, scene);
    if (done.failed > 0) throw new Error(`${done.failed} of ${done.operations} connections failed`);
    await end?.();
    return { rate: rateOf(done), ...(await judged(scene)) };
  });
}

/** An agent that prints to a file; of a namespace of its own, unless it sees all of the host. */
export async function withScene<T>(
  { args = [], options, seesAll = false }: Pick<Trouble, 'args' | 'options'> & { seesAll?: boolean },
  body: (scene: Scene) => Promise<T>,
): Promise<T> {
  return inDirectory((directory) =>
    withNamespace(async (namespace) => {
      const out = openSync(join(directory, RECORDS), 'w');
      const started = { ...options?.({ namespace, directory }), stdout: out };
      const watched = seesAll ? ['--format', 'json'] : watching(namespace);
      const events = args.includes('--events') ? [] : ['--events', 'close,failed'];
      const agent = await startAgent([...watched, ...events, ...args], started).finally(() => closeSync(out));
      try {
        return await body({ namespace, directory, agent });
      } finally {
        await agent.kill9();
      }
    }),
  );
}

/** Few enough for the smallest ring. */
const AFTERWARDS = ['200', '--rate', '400'] as const;

/** Ends the agent, and looks at its books. */
export async function judged(scene: Scene) {
  const { namespace, agent, directory } = scene;
  const recovery = await untilNormal(scene);
  await allEnded(namespace);
  const kernel = await endsIn(namespace);
  const memory = peakMemory(agent.pid);
  const { summary } = await agent.stop();
  const all = books(summary);
  const printed = countLines(join(directory, RECORDS), /"event_name":"sockflow\.connection\.(close|failed)"/);
  return { recovery, memory, summary, account: accountOf(kernel, all), isExact: balances(kernel, all, printed) };
}

function accountOf(kernel: number, { opened, closed, live, lost }: Books): string {
  const reasons = Object.entries(lost).map(([reason, count]) => `${count} ${reason.replace('kernel ', '')}`);
  const rest = live > 0 ? `, ${live} live` : '';
  return `kernel ${kernel}: opened ${opened} = closed ${closed}${rest}, lost ${reasons.join(', ') || 0}`;
}

/** Each end that the kernel counted is a record or a loss, and each record was written. */
export function balances(kernel: number, { opened, closed, live, lost }: Books, printed: number): boolean {
  const inKernel = sumOf(lost, (reason) => reason.startsWith('kernel '));
  const atOutput = sumOf(lost, (reason) => reason.startsWith('export stdout'));
  return opened === kernel && opened === closed + live + inKernel && closed === printed + atOutput;
}

function sumOf(lost: Books['lost'], isMeant: (reason: string) => boolean): number {
  return Object.entries(lost).reduce((sum, [reason, count]) => sum + (isMeant(reason) ? count : 0), 0);
}

/** Seconds from the end of the trouble until all of a small load is printed; undefined if it never is. */
export async function untilNormal({ namespace, directory }: Place): Promise<number | undefined> {
  const began = performance.now();
  for (let time = 0; time < 10; time++) {
    const [count, ...pace] = AFTERWARDS;
    const { port } = await runLives(namespace, 'connections', Number(count), pace);
    const ofPort = new RegExp(`"server\\.port":${port}[,}]`);
    const tail = new Tail(join(directory, RECORDS), ofPort);
    const isThere = await tail.reaches(2 * Number(count), 5000);
    tail.close();
    if (isThere) return (performance.now() - began) / 1000;
  }
  return undefined;
}

function countLines(file: string, pattern: RegExp): number {
  const tail = new Tail(file, pattern);
  const count = tail.read();
  tail.close();
  return count;
}

/** Waits until a file has so many lines with a pattern, for as long as a busy machine may need. */
export async function hasLines(file: string, pattern: RegExp, count: number): Promise<boolean> {
  const tail = new Tail(file, pattern);
  const isThere = await tail.reaches(count, 60_000);
  tail.close();
  return isThere;
}

/** Lines with a pattern, of a file that grows. */
class Tail {
  readonly #fd: number;
  readonly #pattern: RegExp;
  readonly #block = Buffer.alloc(1 << 20);
  #rest = '';
  #count = 0;

  constructor(file: string, pattern: RegExp) {
    this.#fd = openSync(file, 'r');
    this.#pattern = pattern;
  }

  read(): number {
    for (let n = readSync(this.#fd, this.#block); n > 0; n = readSync(this.#fd, this.#block)) {
      const lines = (this.#rest + this.#block.toString('latin1', 0, n)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) if (this.#pattern.test(line)) this.#count++;
    }
    return this.#count;
  }

  async reaches(count: number, ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (this.read() < count && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    return this.#count >= count;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
