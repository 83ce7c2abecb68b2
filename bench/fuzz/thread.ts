/** The thread in which run.ts has a target work. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Job, Report } from './lib/aside.ts';
import { campaign, Finding } from './lib/campaign.ts';
import { targets } from './targets/index.ts';

/** Milliseconds that one input may take. */
const LONGEST = 10;

const { target: name, inputs, seed, from, progress } = workerData as Job;
const told = new Float64Array(progress);
const target = targets.find((each) => each.name === name);
if (!target) throw new Error(`there is no target ${name}`);

// A target that waits for nothing ends the thread without a word; like this it is told as one that does not end.
const alive = setInterval(() => undefined, 60_000);
try {
  const onInput = (index: number): void => {
    told[0] = index;
  };
  report({ tally: await campaign(target, { inputs, seed, from, longest: target.longest ?? LONGEST, onInput }) });
} catch (error) {
  if (!(error instanceof Finding)) throw error;
  report({ message: error.message, input: error.input, stack: (error.cause as Error).stack ?? `${error.cause}` });
} finally {
  clearInterval(alive);
}

function report(said: Report): void {
  parentPort?.postMessage(said);
}
