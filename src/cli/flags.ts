/** The command line as texts by option: yargs, configured from the table. */
import yargs, { type Options as YargsOption } from 'yargs';
import { UsageError } from '../errors.ts';
import { entries, type Key, type Option, optionName } from './options.ts';
import { checkTokens, spellOut } from './tokens.ts';

export interface Flags {
  readonly help: boolean;
  readonly version: boolean;
  /** What was typed; of repeated options all, with line feeds between, of others the last. */
  readonly texts: ReadonlyMap<Key, string>;
}

/** Throws a UsageError when the command line isn't right. */
export function readFlags(typed: readonly string[]): Flags {
  const tokens = spellOut(typed);
  checkTokens(tokens);
  const parsed = createParser(tokens).parseSync();
  const texts = entries.flatMap(([key]) => {
    const value = parsed[optionName(key)];
    return value === undefined ? [] : [[key, toText(value, key)] as const];
  });
  return { help: parsed.help === true, version: parsed.version === true, texts: new Map(texts) };
}

function createParser(tokens: readonly string[]) {
  // Help and messages are ours; from yargs only the reading of the tokens is wanted.
  const parser = yargs([...tokens])
    .help(false)
    .version(false)
    .exitProcess(false)
    .locale('en')
    .strict()
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    })
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'strip-aliased': true,
    })
    .option('help', { type: 'boolean', alias: 'h' })
    .option('version', { type: 'boolean' });
  for (const [key, option] of entries) parser.option(optionName(key), describe(option));
  return parser;
}

function describe(option: Option<unknown>): YargsOption {
  const alias = [...option.aliases];
  if (option.kind.type === 'flag') return { type: 'boolean', alias };
  return { type: 'string', array: option.kind.type === 'repeated', requiresArg: true, alias };
}

function toText(value: unknown, key: Key): string {
  const all = Array.isArray(value) ? value : [value];
  const repeated = entries.some(([name, option]) => name === key && option.kind.type === 'repeated');
  return repeated ? all.join('\n') : String(all.at(-1));
}
