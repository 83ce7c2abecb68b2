/** The process: reads what was typed, runs the agent, and alone ends it. */
import { dirname } from 'node:path';
import { isatty } from 'node:tty';
import type { Environment } from './cli/environment.ts';
import type { Options } from './cli/options.ts';
import { parseCommandLine } from './cli/parse.ts';
import { comeFirst } from './cli/priority.ts';
import { createProgressLine } from './cli/progress.ts';
import { reload } from './cli/reload.ts';
import { checkBuilt, run, type StartPipeline } from './cli/run.ts';
import type { Service } from './cli/service.ts';
import { openDescriptor } from './descriptor.ts';
import { StartError, UsageError } from './errors.ts';
import { readHost } from './export/host.ts';
import { createLog, createStderr, type Stderr } from './log.ts';
import { Writer } from './writer.ts';

/** Milliseconds for a slow reader of the help, and of stderr, where the end isn't put off for it. */
const PATIENCE = { stdout: 5_000, stderr: 500 };

async function main(tokens: readonly string[], env: Environment): Promise<number> {
  const stderr = createStderr();
  try {
    const command = parseCommandLine(tokens, env);
    if (command.action === 'run') return await runAgent(command, stderr, () => readOptions(tokens, env));
    if (command.action === 'top') return await runTop(command, stderr);
    if (command.action === 'print') {
      await print(command.text);
      return 0;
    }
    if (command.action === 'check') return await runCheck(command, stderr);
    await print(command.action === 'help' ? await readHelp() : `sockflow ${readHost().agentVersion}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    createLog('error', stderr.write).say(error.message);
    return 2;
  } finally {
    await stderr.close(performance.now() + PATIENCE.stderr);
  }
}

/** Of the command that runs, which the same command line is again. */
function readOptions(tokens: readonly string[], env: Environment): Options {
  const command = parseCommandLine(tokens, env);
  if (command.action !== 'run') throw new Error(`the command line is another one: ${command.action}`);
  return command.options;
}

async function readHelp(): Promise<string> {
  const { formatHelp } = await import('./cli/help.ts');
  return formatHelp();
}

/** To whoever reads stdout, even slowly. */
async function print(text: string): Promise<void> {
  const writer = new Writer(openDescriptor(1), text.length);
  writer.push([text]);
  await writer.close(performance.now() + PATIENCE.stdout);
}

type RunCommand = Extract<ReturnType<typeof parseCommandLine>, { action: 'run' }>;
type TopCommand = Extract<ReturnType<typeof parseCommandLine>, { action: 'top' }>;
type CheckCommand = Extract<ReturnType<typeof parseCommandLine>, { action: 'check' }>;

function runAgent(
  { options: given, warnings, replay }: RunCommand,
  stderr: Stderr,
  again: () => Options,
): Promise<number> {
  // Some may change: cli/reload.ts.
  const options = { ...given };
  const line = isatty(2) ? createProgressLine(stderr.write) : undefined;
  // Where records are on the same terminal, they show how far it is.
  const progress = replay !== undefined && isatty(1) && options.format !== 'none' ? undefined : line?.show;
  const log = createLog(() => options.logLevel, line?.write ?? stderr.write);
  for (const warning of warnings) log.warn(warning);
  return run(options, {
    log,
    start: replay === undefined ? startLive : startReplay(replay),
    onSignal: (callback) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, callback);
      // Without a file there is nothing to read again: then it is what a terminal says that closes.
      process.on('SIGHUP', options.config === undefined ? callback : () => reload(options, again, log));
    },
    onException: (callback) => process.on('uncaughtException', callback),
    service: findService,
    progress,
  });
}

/** Loaded only where there is one. */
async function findService(): Promise<Service | undefined> {
  if (!process.env.NOTIFY_SOCKET) return undefined;
  const { createService } = await import('./cli/service.ts');
  const { notify } = await import('./capture/capture.ts');
  return createService(process.env, notify);
}

async function runTop({ options, warnings, filter }: TopCommand, stderr: Stderr): Promise<number> {
  const { createTop } = await import('./top/index.ts');
  const top = createTop(options, filter, stderr.write);
  const log = createLog(options.logLevel, top.write);
  for (const warning of warnings) log.warn(warning);
  const start: StartPipeline = async (...args) => {
    checkBuilt(dirname(import.meta.dirname));
    const { startAgent } = await import('./start.ts');
    const pipeline = await startAgent(...args, top.outputs);
    // The line that says `ready` comes first.
    setImmediate(top.begin, args[3]);
    return pipeline;
  };
  try {
    return await run(options, {
      log,
      start,
      onSignal: (callback) => {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, callback);
      },
      onException: (callback) => process.on('uncaughtException', callback),
    });
  } finally {
    top.close();
  }
}

async function runCheck({ options, warnings }: CheckCommand, stderr: Stderr): Promise<number> {
  const log = createLog(options.logLevel, stderr.write);
  for (const warning of warnings) log.warn(warning);
  try {
    checkBuilt(dirname(import.meta.dirname));
    const { check } = await import('./check/index.ts');
    const { text, isComplete } = await check(options, log, readHost().agentVersion);
    await print(text);
    return isComplete ? 0 : 1;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    log.say(`cannot check: ${error.message}; ${error.remedy}`);
    return 1;
  }
}

/** Loaded only now, so that --help and a mistyped option need neither the addon nor its load time. */
const startLive: StartPipeline = async (...args) => {
  checkBuilt(dirname(import.meta.dirname));
  comeFirst();
  const { startAgent } = await import('./start.ts');
  return startAgent(...args);
};

const startReplay =
  (file: string): StartPipeline =>
  async (...args) => {
    const { startReplay } = await import('./start.ts');
    return startReplay(file, ...args);
  };

process.exit(await main(process.argv.slice(2), process.env));
