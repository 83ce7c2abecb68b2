/** The two sources that a pipeline can have: this host, and a recording, which does without the addon. */
import type { Options } from './cli/options.ts';
import type { Ledger } from './ledger.ts';
import type { Log } from './log.ts';
import { type Callbacks, type CreateOutputs, type Pipeline, startPipeline } from './pipeline.ts';

type Args = [options: Options, log: Log, ledger: Ledger, callbacks: Callbacks, outputs?: CreateOutputs];

/** Throws StartError when the host does not let it. */
export function startLive(...args: Args): Promise<Pipeline> {
  return start(false, args);
}

/** As startLive, and gives up the privileges of this process: not in one that is somebody else's. Throws StartError. */
export async function startAgent(...args: Args): Promise<Pipeline> {
  const [options] = args;
  const pipeline = await start(true, args);
  const { leavePrivileges } = await import('./capture/privileges.ts');
  return { ...pipeline, description: `${pipeline.description}; ${leavePrivileges(options)}` };
}

async function start(willLeave: boolean, args: Args): Promise<Pipeline> {
  const [options, log, ledger] = args;
  const { openLive } = await import('./capture/live.ts');
  const source = openLive(options, log, ledger, willLeave);
  if (options.record === undefined) return startPipeline(source, ...args);
  const { recordSource } = await import('./recording/recorder.ts');
  const { record: file, anonymize, commandArgs } = options;
  return startPipeline(recordSource(source, { file, anonymize, commandArgs, ledger, log }), ...args);
}

/** Throws StartError for what is no recording of this version. */
export async function startReplay(file: string, ...args: Args): Promise<Pipeline> {
  const [options, log, ledger] = args;
  const { openReplay } = await import('./recording/replay.ts');
  return startPipeline(openReplay(file, options, log, ledger), ...args);
}
