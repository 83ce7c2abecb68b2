/** Texts of /proc and /etc: those of processes, hosts files of any container, names of users, mounts. */

import { readFileSync } from 'node:fs';
import { processOf } from '../../../src/capture/proc.ts';
import { isLocal, parseHosts } from '../../../src/dns/hosts.ts';
import { parseNames } from '../../../src/enrich/user.ts';
import { seedsOf } from '../lib/corpus.ts';
import type { Random } from '../lib/random.ts';
import { expect, refusing, type Target } from '../lib/target.ts';
import { damagedText } from '../lib/text.ts';

const words = [
  ...[
    'Name:\t',
    'PPid:\t',
    'Uid:\t',
    'NSpid:\t',
    'btime ',
    ') S ',
    '(',
    '0::/',
    '1:memory:/',
    ' - overlay ',
    ' / / ',
    '/etc/hosts',
  ],
  ...[
    '127.0.0.1 ',
    '::1 ',
    '10.0.0.1\t',
    'fe80::1%eth0 ',
    'localhost',
    '.localdomain',
    '#',
    '.',
    'www.example.org',
    ':x:0:',
    'x:65534:',
  ],
];
/** Between the texts of one process. */
const BETWEEN = '\f';
const own = (name: string) => readFileSync(`/proc/self/${name}`, 'latin1');

export const proc: Target = {
  name: 'proc',
  reads: 'texts of /proc and /etc',
  few: 2_000,
  open() {
    const seeds = seedsOf(
      'proc',
      [own('status'), own('stat'), 'cpu 1 2\nbtime 1700000000\n', own('cgroup'), own('status')].join(BETWEEN),
      ['Name:\tx\nPPid:\t1\nUid:\t0\t0\n', '7 (a) b) S 1', 'btime 1', '0::/a:b\n', 'Uid:\t5'].join(BETWEEN),
      '127.0.0.1 localhost\n10.0.0.1 db.shop db # the database\n2001:db8::1 six.example.\n',
      'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:/bin/false\n',
      own('mountinfo').slice(0, 2_000),
    );
    return { make: (random: Random) => damagedText(seeds, words, random), judge: judgeTexts };
  },
};

function judgeTexts(input: Buffer): boolean {
  const text = input.toString();
  isLocal(text);
  for (const name of parseNames(text).values()) expect(name !== '', 'a user without a name');
  const hosts = parseHosts(text, text.slice(0, 20));
  for (const [address, name] of hosts) {
    expect(/^[0-9a-f.:]+$/.test(address), `address ${address}`);
    expect(name !== '' && name.length <= 253 && !/\s/.test(name), `name ${name}`);
  }
  return judgeProcess(text) || hosts.size > 0;
}

function judgeProcess(text: string): boolean {
  const [status = '', stat = '', systemStat = '', cgroup = '', parentStatus] = text.split(BETWEEN);
  const process = refusing(
    () =>
      processOf(7, 1, {
        status,
        stat,
        systemStat,
        cgroup,
        parentStatus: () => parentStatus ?? '',
        exe: () => undefined,
      }),
    Error,
  );
  if (!process) return false;
  const { parentPid, userId, groupId, parentUserId, namespacePid, startTime, cgroups } = process;
  for (const number of [parentPid, userId, groupId, parentUserId, namespacePid])
    expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32, `number ${number}`);
  expect(startTime >= 0n && startTime < 2n ** 64n, `began at ${startTime}`);
  expect(
    cgroups.every((path) => path !== '' && !path.includes('\n')),
    'a cgroup without a path',
  );
  return true;
}
