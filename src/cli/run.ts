/** The life of the agent: start, ready, wait for a reason to stop, stop, summary. Returns the exit code. */
import { existsSync } from 'node:fs';
import { StartError, UsageError } from '../errors.ts';
import { type KernelCounts, Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import { formatSummary } from './books.ts';
import { createLossWatch } from './losses.ts';
import type { Options } from './options.ts';
import { watchProgress } from './progress.ts';
import type { Service } from './service.ts';

/** The part of pipeline.ts that is used here. */
export interface Pipeline {
  readonly description: string;
  kernelCounts(): KernelCounts;
  /** The part of all that was done, 0 to 1; absent where there is no end. */
  progress?(): number;
  shutdown(deadline: number): Promise<void>;
}

export type StartPipeline = (
  options: Options,
  log: Log,
  ledger: Ledger,
  callbacks: { onOutputLost(reason: string): void; onEnd(): void },
) => Promise<Pipeline>;

/** What run() needs of the process around it; tests bring their own. */
export interface Surroundings {
  readonly log: Log;
  readonly start: StartPipeline;
  /** Calls back at each SIGINT and SIGTERM. */
  readonly onSignal: (callback: () => void) => void;
  /** Calls back at each exception that nobody caught. */
  readonly onException: (callback: (error: unknown) => void) => void;
  /** The service manager, where there is one; asked for after the start. */
  readonly service?: () => Promise<Service | undefined>;
  /** Shows what takes long; undefined: it is over. Absent where nobody waits at a terminal. */
  readonly progress?: ((text: string | undefined) => void) | undefined;
}

/** Why it stops: `quiet` is a closed stdout, which needs no words. */
type Reason = { readonly how: 'asked' | 'quiet' | 'now' } | { readonly how: 'failed'; readonly message: string };

/** How often the books are looked at for losses. */
const WATCH = 5_000;
/** A pipeline that misses its own deadline by this much isn't waited for. */
const GRACE = 1_000;

export async function run(
  options: Options,
  { log, start, onSignal, onException, service, progress = () => undefined }: Surroundings,
): Promise<number> {
  const ledger = new Ledger();
  const end = Promise.withResolvers<Reason>();
  const atOnce = Promise.withResolvers<Reason>();
  let signals = 0;
  onSignal(() => {
    signals++;
    end.resolve({ how: 'asked' });
    if (signals > 1) atOnce.resolve({ how: 'now' });
  });
  const onOutputLost = (reason: string) => end.resolve(judge(reason));
  const onEnd = () => end.resolve({ how: 'asked' });
  progress('starting: the kernel side is loaded, older connections are found');
  const pipeline = await tryStart(() => start(options, log, ledger, { onOutputLost, onEnd }), atOnce.promise, log);
  progress(undefined);
  if (typeof pipeline === 'number') return pipeline;

  const errors = countExceptions(onException, log, end.resolve);
  log.say(`ready, ${pipeline.description}`);
  const manager = await service?.();
  manager?.ready(pipeline.description);
  const timer =
    options.duration === undefined ? undefined : setTimeout(end.resolve, options.duration, { how: 'asked' });
  const sayLosses = createLossWatch(options, log, ledger, () => pipeline.kernelCounts());
  const watch = setInterval(sayLosses, WATCH);
  const replayed = () => `replaying, ${Math.floor(100 * (pipeline.progress?.() ?? 0))} %`;
  const endProgress = pipeline.progress ? watchProgress(progress, replayed) : () => undefined;

  const reason = await end.promise;
  clearTimeout(timer);
  clearInterval(watch);
  endProgress();
  manager?.stopping();
  const deadline = performance.now() + options.shutdownTimeout;
  const endFlush = watchProgress(progress, countDown(deadline));
  const isAtOnce = await stop(pipeline, deadline, atOnce.promise, log);
  endFlush();
  if (reason.how === 'quiet') return 0;
  if (reason.how === 'failed') log.error(reason.message);
  log.say(formatSummary(ledger, pipeline.kernelCounts(), { isAtOnce, internalErrors: errors() }));
  return reason.how === 'failed' ? 1 : 0;
}

function countDown(deadline: number): () => string {
  const left = () => Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  return () => `stopping: sending what waits, for ${left()} s at most; Ctrl-C: at once`;
}

function judge(reason: string): Reason {
  return reason === 'stdout_closed' ? { how: 'quiet' } : { how: 'failed', message: `an output is lost: ${reason}` };
}

async function tryStart(start: () => Promise<Pipeline>, atOnce: Promise<Reason>, log: Log): Promise<Pipeline | number> {
  try {
    const started = await Promise.race([start(), atOnce]);
    return 'how' in started ? 0 : started;
  } catch (error) {
    log.say(explain(error));
    if (error instanceof UsageError) return 2;
    if (error instanceof Error && error.stack) log.debug(error.stack);
    return 1;
  }
}

/** One line: what, and the remedy where one is known. */
function explain(error: unknown): string {
  if (error instanceof StartError) return `cannot start: ${error.message}; ${error.remedy}`.replaceAll('\n', ' ');
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return message;
  return `cannot start: ${message.replaceAll('\n', ' ')}; --log-level debug says where`;
}

/** Returns whether it ended without waiting for the outputs. */
async function stop(pipeline: Pipeline, deadline: number, atOnce: Promise<Reason>, log: Log): Promise<boolean> {
  const late = Promise.withResolvers<Reason>();
  const overdue = setTimeout(late.resolve, deadline + GRACE - performance.now(), { how: 'now' });
  try {
    const end = await Promise.race([pipeline.shutdown(deadline), late.promise, atOnce]);
    return end !== undefined;
  } catch (error) {
    log.error(`could not stop in order: ${error instanceof Error ? error.message : error}`);
    return true;
  } finally {
    clearTimeout(overdue);
  }
}

/** After so many in a second the agent only burns CPU. */
const MOST_EXCEPTIONS = 100;

/** A mistake in the agent is said and counted; the agent goes on, unless it does nothing else any more. */
function countExceptions(
  onException: Surroundings['onException'],
  log: Log,
  end: (reason: Reason) => void,
): () => number {
  let total = 0;
  let recent = 0;
  let second = 0;
  onException((error) => {
    total++;
    const now = Math.floor(performance.now() / 1000);
    recent = now === second ? recent + 1 : 1;
    second = now;
    const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined];
    log.limited('error', `exception ${message}`, `internal error: ${message.replaceAll('\n', ' ')}; please report it`);
    if (stack) log.limited('debug', `stack ${message}`, stack);
    if (recent > MOST_EXCEPTIONS) end({ how: 'failed', message: 'too many internal errors' });
  });
  return () => total;
}

/** Throws a StartError in a checkout whose native part was never built. `root`: of the checkout or package. */
export function checkBuilt(root: string): void {
  if (!existsSync(`${root}/src`) || existsSync(`${root}/build`)) return;
  throw new StartError("this checkout isn't built", `run \`npm run setup\` in ${root} first`);
}
