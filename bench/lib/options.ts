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
    const [what = ''] = (error as Error).message.split(/\. |\.?\n/);
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    return refuse(`${what}; there are ${known.join(', ')}`);
  }
}

/** To be called before anything is started: the process ends where it is refused. */
export function wholeNumber(option: string, text: string, least = 1): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  return refuse(`${option}: expected a whole number from ${least} on, got ${JSON.stringify(text)}`);
}

export function refuse(text: string): never {
  process.stderr.write(`bench: ${basename(process.argv[1] ?? '', '.ts')}: ${text}\n`);
  process.exit(2);
}
