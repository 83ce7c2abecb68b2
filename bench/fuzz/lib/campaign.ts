/** Many inputs through a target, each made of the seed and its number alone. */
import { Random } from './random.ts';
import { shrink } from './shrink.ts';
import type { Session, Target } from './target.ts';

export interface CampaignOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Number of the first one. Default: 0. */
  readonly from?: number;
  /** Milliseconds that an input may take, whenever it is read; not looked at by default. */
  readonly longest?: number;
  /** Called before each input. */
  readonly onInput?: (index: number) => void;
}

export interface Tally {
  readonly inputs: number;
  /** Inputs that were understood, wholly or in part. */
  readonly understood: number;
  readonly seconds: number;
  /** Of the processor. */
  readonly busySeconds: number;
}

/** An input that made the target break its word. */
export class Finding extends Error {
  override readonly name = 'Finding';
  readonly input: Buffer;

  constructor(message: string, input: Buffer, cause: unknown) {
    super(message, { cause });
    this.input = input;
  }
}

/** Throws a Finding for the first input that makes the target break its word, as short as it could be made. */
export async function campaign(target: Target, options: CampaignOptions): Promise<Tally> {
  const { inputs, seed, from = 0, longest = Number.POSITIVE_INFINITY, onInput } = options;
  const { session, close } = openSession(target);
  const random = new Random(seed, 0);
  const begin = performance.now();
  const before = process.threadCpuUsage();
  let understood = 0;
  try {
    for (let index = from; index < from + inputs; index++) {
      onInput?.(index);
      random.begin(seed, index);
      const input = session.make(random);
      if (await attempt(session, input, longest, `${target.name}, seed ${seed}, input ${index}`)) understood++;
    }
  } finally {
    close();
  }
  const { user, system } = process.threadCpuUsage(before);
  const seconds = (performance.now() - begin) / 1000;
  return { inputs, understood, seconds, busySeconds: (user + system) / 1e6 };
}

/** It keeps the process alive until it is closed: the timers of the agent, which some inputs wait for, do not. */
function openSession(target: Target): { session: Session; close: () => void } {
  const session = target.open();
  const alive = setInterval(() => undefined, 60_000);
  const close = () => {
    clearInterval(alive);
    session.close?.();
  };
  return { session, close };
}

/** One input that is there already. */
export async function judgeOne(target: Target, input: Buffer, what: string): Promise<boolean> {
  const { session, close } = openSession(target);
  try {
    return await attempt(session, input, Number.POSITIVE_INFINITY, what);
  } finally {
    close();
  }
}

async function attempt(session: Session, input: Buffer, longest: number, what: string): Promise<boolean> {
  const begin = performance.now();
  try {
    const judged = session.judge(input);
    const result = typeof judged === 'boolean' ? judged : await judged;
    if (performance.now() - begin > longest) await refuseSlow(session, input, longest);
    return result;
  } catch (error) {
    const least = await shrink(input, messageOf(error), async (shorter) => messageOf(await errorOf(session, shorter)));
    throw new Finding(`${what}: ${messageOf(error)}`, least, error);
  }
}

/** Others take this machine's time, too, and the collector of garbage ours: what an input takes each time is its own. */
async function refuseSlow(session: Session, input: Buffer, longest: number): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let again = 0; again < 5 && least > longest; again++) {
    const begin = process.threadCpuUsage();
    await session.judge(input);
    const { user, system } = process.threadCpuUsage(begin);
    least = Math.min(least, (user + system) / 1000);
  }
  if (least > longest) throw new Error(`it takes more than ${longest} ms`);
}

async function errorOf(session: Session, input: Buffer): Promise<unknown> {
  try {
    await session.judge(input);
    return undefined;
  } catch (error) {
    return error;
  }
}

function messageOf(error: unknown): string {
  return error === undefined ? '' : String(error instanceof Error ? error.message : error);
}
