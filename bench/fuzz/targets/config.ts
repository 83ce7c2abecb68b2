/** Configuration files: refused with file, line and column, whatever is in them. */
import { parseConfig } from '../../../src/cli/config-file.ts';
import { entries, optionName } from '../../../src/cli/options.ts';
import { resolve } from '../../../src/cli/resolve.ts';
import { UsageError } from '../../../src/errors.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

const words = [
  ...entries.map(([, option], index) => `${optionName(entries[index]?.[0] ?? 'tcp')}: ${option.fallback ?? 'x'}\n`),
  ...[
    '- ',
    '? ',
    ': ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: ',
    '|',
    '>',
    '!!str ',
    '!!binary ',
    '!!int ',
    '!x ',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
  ],
  ...['true', 'null', '~', '.inf', '0x1F', '2001-12-14', '10s', '"', "'", '# x\n', '  ', '\n  ', '\t'],
];

const made = [
  'interval: 10s\ntcp: true\nevents: [open, close]\ncolumns:\n  - time\n  - peer\n',
  'otlp-endpoint: http://localhost:4317\notlp-header:\n  authorization: Bearer x\nattribute: {a: b}\n',
  'filter: proc=nginx !port=443\nring-size: 16MiB\ncidr-name: [10.0.0.0/8=corp]\n',
  'interval: &x 10s\nmetric-interval: *x\n',
  '%YAML 1.1\n---\nattribute:\n  <<: x\n',
  '{"zmq": "tcp://127.0.0.1:1234"}',
];

export const config: Target = {
  name: 'config',
  reads: 'files of --config',
  few: 500,
  inputs: 400_000,
  longest: 500,
  open() {
    const seeds = seedsOf('config', ...made);
    return {
      make: (random: Random) => damagedText(seeds, words, random),
      judge(input) {
        try {
          resolve(parseConfig(input.toString(), 'FILE'), {});
          return true;
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          // What does not go together names the options instead.
          expect(/^FILE:\d+:\d+: |^--|expects /.test(error.message), `no place: ${error.message}`);
          expect(!error.message.includes('\n') && error.message.length < 1_500, `a long message: ${error.message}`);
          return false;
        }
      },
    };
  },
};
