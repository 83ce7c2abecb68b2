/** From the command line and the environment to `Options`: flag over SOCKFLOW_* over OTEL_* over default. */
import { UsageError } from '../errors.ts';
import {
  checkVariables,
  type Environment,
  readHistogram,
  readLogLevel,
  readMetricInterval,
  readVariable,
  type Setting,
} from './environment.ts';
import { readFlags } from './flags.ts';
import { entries, type Key, type Option, type Options, optionName } from './options.ts';
import { resolve, type Settings } from './resolve.ts';
import { quote } from './tokens.ts';

export type Command =
  | { readonly action: 'help' | 'version' }
  | {
      readonly action: 'run';
      readonly options: Options;
      readonly warnings: readonly string[];
      /** A recording to show instead of what happens here. */
      readonly replay: string | undefined;
    }
  | { readonly action: 'check'; readonly options: Options; readonly warnings: readonly string[] };

/** Throws a UsageError for anything that isn't right. */
export function parseCommandLine(tokens: readonly string[], env: Environment): Command {
  // Help is for people who have got something else wrong.
  if (tokens.includes('--help') || tokens.includes('-h')) return { action: 'help' };
  const { name, replay, rest } = takeCommand(tokens);
  const flags = readFlags(rest);
  if (flags.help) return { action: 'help' };
  if (flags.version) return { action: 'version' };
  const warnings = checkVariables(env);
  const options = resolve(settingsOf(flags.texts, env), env);
  checkRecording(options, replay);
  if (name === 'check') return { action: 'check', options, warnings };
  return { action: 'run', options, warnings, replay };
}

interface Taken {
  readonly name?: 'check' | 'replay';
  readonly replay: string | undefined;
  readonly rest: readonly string[];
}

/** `check` and `replay FILE` come before all options. */
function takeCommand(tokens: readonly string[]): Taken {
  const [command, file] = tokens;
  if (command === 'check') return { name: command, replay: undefined, rest: tokens.slice(1) };
  if (command !== 'replay') return { replay: undefined, rest: tokens };
  if (!file || file.startsWith('-'))
    throw new UsageError(`replay expects the name of a file made with --record${file ? `, not ${quote(file)}` : ''}`);
  return { name: command, replay: file, rest: tokens.slice(2) };
}

function checkRecording({ record, anonymize }: Options, replay: string | undefined): void {
  if (record !== undefined && replay !== undefined)
    throw new UsageError('--record expects what happens on this host, not replay');
  if (anonymize && record === undefined) throw new UsageError('--anonymize expects a recording: add --record FILE');
}

function settingsOf(texts: ReadonlyMap<Key, string>, env: Environment): Settings {
  return new Map(entries.map(([key, option]) => [key, find(key, option, texts, env)]));
}

const ofOtelVariables: Partial<Record<Key, (env: Environment) => Setting | undefined>> = {
  metricInterval: readMetricInterval,
  logLevel: readLogLevel,
  histogram: readHistogram,
};

function find(key: Key, option: Option<unknown>, texts: ReadonlyMap<Key, string>, env: Environment) {
  const text = texts.get(key);
  if (text !== undefined) return { text, source: `--${optionName(key)}` };
  const ofOtel = ofOtelVariables[key];
  return readVariable(env, key, option) ?? ofOtel?.(env);
}
