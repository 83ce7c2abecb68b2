/** What a bench is told on its command line. What it does not understand ends it with 2, and one line that says why. */
import { basename } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** As parseArgs of node:util. */
export function readOptions<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [what = ''] = (error as Error).message.split('. ');
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    return refuse(`${what}; there are ${known.join(', ')}`);
  }
}

/** A whole number from 1 on. */
export function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  return refuse(`${option}: expected a whole number from 1 on, got ${JSON.stringify(text)}`);
}

export function refuse(text: string): never {
  process.stderr.write(`bench: ${basename(process.argv[1] ?? '', '.ts')}: ${text}\n`);
  process.exit(2);
}
