/** Arguments of processes, which whoever starts them chooses: what is a secret in them goes, and nothing takes long. */
import { redactArguments } from '../../../src/capture/arguments/index.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

/** As much as the kernel side sends of one process. */
const LONGEST = 2_048;
const SECRET = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9n';

const words = [
  ...[
    '--password',
    '--password=',
    '-p',
    '-u',
    'user:',
    '-c',
    'mysql',
    'curl',
    'sh',
    'PGPASSWORD=',
    'token',
    '-H',
    'Authorization: Bearer ',
  ],
  ...[
    '-----BEGIN PRIVATE KEY-----',
    'eyJhbGciOi',
    'AKIA',
    'ghp_',
    'sk-',
    'https://u:',
    '@host/',
    '?key=',
    '&',
    SECRET,
    'basic ',
    '   ',
    ' ',
    '\0',
  ],
  ...['"', "'", '\\', '$(', '`', ';', '|', 'env', '{{ x }}', '%s', 'a1', 'A/'],
];
const made = [
  'curl\0-u\0admin:hunter2\0https://example.org/?token=abc',
  'mysql\0-psecret\0-h\0db',
  `sh\0-c\0PGPASSWORD=x1y2z3 psql -h db | grep "${SECRET}"`,
  `app\0--api-key\0${SECRET}\0--verbose`,
];

export const args: Target = {
  name: 'arguments',
  reads: 'arguments of processes, with secrets in them',
  few: 1_500,
  inputs: 1_000_000,
  refuses: false,
  open() {
    const seeds = seedsOf('arguments', ...made);
    return {
      make: (random: Random) => damagedText(seeds, words, random),
      judge(input) {
        const given = input.toString('utf8', 0, LONGEST).split('\0');
        const kept = redactArguments(given);
        for (const word of kept) expect(typeof word === 'string', `${word} instead of a text`);
        return true;
      },
    };
  },
};
