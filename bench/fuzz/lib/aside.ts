/** A campaign in a thread of its own, so that an input that takes for ever, or all memory, is told, too. */
import { Worker } from 'node:worker_threads';
import { Finding, type Tally } from './campaign.ts';
import type { Target } from './target.ts';

/** Milliseconds without the next input. */
const FOR_EVER = 30_000;
/** MiB: of V8's heap, and of what the process has in all. */
const MOST = { heap: 512, resident: 1_536 };

export interface Job {
  readonly target: string;
  readonly inputs: number;
  readonly seed: number;
  /** Number of the first input. */
  readonly from: number;
  /** Where the number of the input is told. */
  readonly progress: SharedArrayBuffer;
}

/** What the thread says at its end. */
export type Report =
  | { readonly tally: Tally }
  | { readonly message: string; readonly input: Uint8Array; readonly stack: string };

/** Says how it went. Throws a Finding. */
export async function runAside(
  target: Target,
  { inputs, seed, from }: Omit<Job, 'target' | 'progress'>,
): Promise<void> {
  const progress = new Float64Array(new SharedArrayBuffer(8));
  const job: Job = { target: target.name, inputs, seed, from, progress: progress.buffer };
  const at = () => `${target.name}, seed ${seed}, input ${progress[0]}`;
  const worker = new Worker(new URL('../thread.ts', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MOST.heap },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  worker.once('message', resolve);
  worker.once('error', (error) => reject(new Error(`${at()}: ${error.message}`)));
  worker.once('exit', () => reject(new Error(`${at()}: the thread ended`)));
  const watch = watchOver(progress, (what) => reject(new Error(`${at()}: ${what}`)));
  try {
    say(target, job, await promise);
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}

function watchOver(progress: Float64Array, onTrouble: (what: string) => void): NodeJS.Timeout {
  let last = -1;
  let since = performance.now();
  return setInterval(() => {
    const mebibytes = process.memoryUsage.rss() / 2 ** 20;
    if (mebibytes > MOST.resident) onTrouble(`${Math.round(mebibytes)} MiB are resident`);
    if (progress[0] === last && performance.now() - since > FOR_EVER) onTrouble('it does not end');
    if (progress[0] === last) return;
    last = progress[0] as number;
    since = performance.now();
  }, 250);
}

function say(target: Target, { seed, from }: Job, report: Report): void {
  if ('message' in report)
    throw new Finding(report.message, Buffer.from(report.input), Object.assign(new Error(), { stack: report.stack }));
  const { inputs, understood, seconds, busySeconds } = report.tally;
  const share = Math.round((100 * understood) / inputs);
  const rate = Math.round(inputs / busySeconds);
  const resident = Math.round(process.memoryUsage.rss() / 2 ** 20);
  console.log(
    `${target.name}: ${inputs} inputs (seed ${seed}, from ${from}) in ${seconds.toFixed(1)} s, ${rate} for a second of the processor; ${share} % understood; nothing found; ${resident} MiB`,
  );
}
