/** From what was typed to `Options`: flag over SOCKFLOW_* over the file over OTEL_* over default. */
import { UsageError } from '../errors.ts';
import { formatCompletion, type Shell, shells } from './completion.ts';
import { readConfigFile } from './config-file.ts';
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
import { entries, type Key, type Option, type Options, optionName, table } from './options.ts';
import { resolve, type Settings } from './resolve.ts';
import { configSchema } from './schema.ts';
import { formatConfig } from './show-config.ts';
import { quote } from './tokens.ts';
import { checkUse, forTop } from './top.ts';

export type Command =
  | { readonly action: 'help' | 'version' }
  | {
      readonly action: 'run';
      readonly options: Options;
      readonly warnings: readonly string[];
      /** A recording to show instead of what happens here. */
      readonly replay: string | undefined;
    }
  /** `filter`: as it was typed; of the options none has one. */
  | {
      readonly action: 'top';
      readonly options: Options;
      readonly warnings: readonly string[];
      readonly filter: string;
    }
  | { readonly action: 'check'; readonly options: Options; readonly warnings: readonly string[] }
  /** For stdout. */
  | { readonly action: 'print'; readonly text: string };

/** Throws a UsageError for anything that isn't right. */
export function parseCommandLine(tokens: readonly string[], env: Environment): Command {
  // Help is for people who have got something else wrong.
  if (tokens.includes('--help') || tokens.includes('-h')) return { action: 'help' };
  if (tokens[0] === 'completion') return { action: 'print', text: formatCompletion(shellOf(tokens)) };
  const { name, replay, rest } = takeCommand(tokens);
  if (name === 'config' && rest[0] === '--schema' && rest.length === 1)
    return { action: 'print', text: `${JSON.stringify(configSchema(), undefined, 2)}\n` };
  const flags = readFlags(rest);
  if (flags.help) return { action: 'help' };
  if (flags.version) return { action: 'version' };
  const warnings = checkVariables(env);
  checkUse(flags.texts.keys(), name);
  const settings = settingsOf(flags.texts, env);
  const options = resolve(settings, env);
  checkRecording(options, replay);
  if (name === 'config') return { action: 'print', text: formatConfig(settings, env) };
  if (name === 'check') return { action: 'check', options, warnings };
  if (name === 'top') return { action: 'top', ...forTop(options, settings), warnings };
  return { action: 'run', options, warnings, replay };
}

interface Taken {
  readonly name?: 'check' | 'config' | 'replay' | 'top';
  readonly replay: string | undefined;
  readonly rest: readonly string[];
}

/** Commands come before all options. */
function takeCommand(tokens: readonly string[]): Taken {
  const [command, file] = tokens;
  if (command === 'check' || command === 'config' || command === 'top')
    return { name: command, replay: undefined, rest: tokens.slice(1) };
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

/** Throws a UsageError. */
function shellOf([, shell = '', ...more]: readonly string[]): Shell {
  const found = shells.find((name) => name === shell);
  const came = shell === '' ? '; none came' : `, not ${quote([shell, ...more].join(' '))}`;
  if (!found || more.length > 0) throw new UsageError(`completion expects one of ${shells.join(', ')}${came}`);
  return found;
}

function settingsOf(texts: ReadonlyMap<Key, string>, env: Environment): Settings {
  const file = texts.get('config') ?? readVariable(env, 'config', table.config)?.text;
  const written: ReadonlyMap<Key, Setting> = file === undefined ? new Map() : readConfigFile(file);
  return new Map(entries.map(([key, option]) => [key, find(key, option, { texts, env, written })]));
}

const ofOtelVariables: Partial<Record<Key, (env: Environment) => Setting | undefined>> = {
  metricInterval: readMetricInterval,
  logLevel: readLogLevel,
  histogram: readHistogram,
};

interface Given {
  readonly texts: ReadonlyMap<Key, string>;
  readonly env: Environment;
  /** In the file. */
  readonly written: ReadonlyMap<Key, Setting>;
}

function find(key: Key, option: Option<unknown>, { texts, env, written }: Given): Setting | undefined {
  const text = texts.get(key);
  if (text !== undefined) return { text, source: `--${optionName(key)}` };
  const ofOtel = ofOtelVariables[key];
  return readVariable(env, key, option) ?? written.get(key) ?? ofOtel?.(env);
}
