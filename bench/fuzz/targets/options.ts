/** Command lines and environments: options, or one line that says what is wrong. */
import { entries, optionName, variableName } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

/** What reads files or asks the host is left out: a campaign changes nothing, and reads nothing that it was not given. */
const asking = ['config', 'user', 'networkNamespace', 'spool', 'record'];
const names = entries.filter(([key]) => !asking.includes(key));
const BETWEEN = '\n';
const ENVIRONMENT = '\f';

const words = [
  ...names.flatMap(([key, { fallback, aliases }]) => [
    `--${optionName(key)}\n`,
    `--${optionName(key)}=${fallback ?? 'x'}\n`,
    ...aliases.map((alias) => `-${alias}\n`),
    `${variableName(key)}=${fallback ?? 'x'}\n`,
  ]),
  ...[
    'top\n',
    'check\n',
    'replay\nx\n',
    'completion\nbash\n',
    'config\n',
    '--schema\n',
    '--\n',
    '--no-',
    '-tio\n',
    '-zX\n',
    '--version\n',
  ],
  ...[
    'OTEL_EXPORTER_OTLP_ENDPOINT=',
    'OTEL_RESOURCE_ATTRIBUTES=a=b,c=%20',
    'OTEL_LOG_LEVEL=debug\n',
    'http://localhost:4318',
    'https://u:p@x/?q',
    '10s',
    '64MiB',
  ],
];

const made = [
  '-tio\n--interval\n10s\n--columns\ntime,peer\f',
  '--otlp-endpoint\nhttp://localhost:4317\n--otlp-header\na=b\n--attribute\nc=d\fOTEL_RESOURCE_ATTRIBUTES=service.name=x,k=v%2C\n',
  '-z\ntcp://127.0.0.1:1234\n--zmq-format\ntlv\f',
  'top\n--once\n--filter\nproc=x\f',
  'config\n--interval\n5s\fSOCKFLOW_TCP=true\nSOCKFLOW_EVENTS=open,close\n',
];

export const options: Target = {
  name: 'options',
  reads: 'command lines and environments',
  few: 250,
  inputs: 200_000,
  longest: 500,
  open() {
    const seeds = seedsOf('options', ...made);
    return {
      make: (random: Random) => damagedText(seeds, words, random),
      judge(input) {
        const [line = '', environment = ''] = input.toString().split(ENVIRONMENT);
        const tokens = line.split(BETWEEN).filter((token) => token !== '');
        if (tokens.some(isAsking)) return false;
        try {
          parseCommandLine(tokens, environmentOf(environment));
          return true;
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          expect(!/\p{Cc}/u.test(error.message) && error.message.length < 2_000, `message ${error.message}`);
          return false;
        }
      },
    };
  },
};

const isAsking = (token: string) => asking.some((key) => token.includes(optionName(key as 'config')));

function environmentOf(text: string): Record<string, string> {
  const pairs = text
    .split(BETWEEN)
    .map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)] as const);
  return Object.fromEntries(
    pairs.filter(([name]) => name !== '' && !asking.some((key) => name === variableName(key as 'config'))),
  );
}
