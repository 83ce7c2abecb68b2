/**
 * A machine that is switched off in the middle of its work: what the spool had been given by then is there afterwards, but for what
 * docs/delivery.md says, and the next agent starts with it. Lost is what the machine's kernel had not written; a disk that forgets
 * what it was told to keep is not emulated.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { guestLikeHost } from '../support/guest.ts';
import { settled } from '../support/processes.ts';
import { recordsIn } from '../support/spool-files.ts';
import { books } from '../support/summary.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';
import { type Machine, runMachine } from '../support/virtual-machine.ts';

const FETCH = join(import.meta.dirname, '../../scripts/lib/fetch-kernel');
const PATIENCE = 1500;
/** Connections, each told at both ends, before it is switched off. */
const ENOUGH = 2000;
/** Seconds, of which it says 2.2; the processor is emulated. */
const MAY_BE_LOST = 10;

let directory: string;

test.before(() => {
  directory = sharedDirectory();
});

test.after.always(() => removeDirectory(directory));

/** How many had been made when, in seconds. */
function readMade(file: string): { at: number; made: number }[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => line.split(' ').map(Number)).map(([at = 0, made = 0]) => ({ at, made }));
}

test('what was in the spool when the machine was switched off is there when it is on again', async (t) => {
  t.timeout((2 * PATIENCE + 300) * 1000, 'a virtual machine, twice');
  const kernel = execFileSync(FETCH, ['6.12'], { encoding: 'utf8' }).trim();
  const disk = join(directory, 'disk');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', disk, '64m'], {
    env: { ...process.env, PATH: `/usr/sbin:/sbin:${process.env.PATH}` },
  });
  const results = join(directory, 'results');
  for (const name of ['results', 'machine']) mkdirSync(join(directory, name));
  const guest = guestLikeHost(directory);
  const rest = {
    scenario: 'power',
    kernel,
    disk,
    results,
    directory: join(directory, 'machine'),
    seconds: PATIENCE,
  } as const;
  const machine: Machine = { ...guest, ...rest };
  const made = () => readMade(join(results, 'made'));

  const off = new AbortController();
  const first = runMachine(machine, off.signal);
  const isEnough = (all: ReturnType<typeof made>) => {
    const last = all.at(-1);
    return all.some(({ at, made }) => made >= ENOUGH && last && last.at - at >= MAY_BE_LOST);
  };
  const before = await Promise.race([settled(made, isEnough, PATIENCE * 1000), first.then(() => [])]);
  off.abort();
  t.log(await first);
  const end = made().at(-1);
  const safe = before.findLast(({ at }) => end && end.at - at >= MAY_BE_LOST);
  if (!safe || !end) throw new Error(`it made too little: ${JSON.stringify(made().slice(-3))}`);

  await runMachine(machine);
  const read = (name: string) => readFileSync(join(results, name), 'utf8').trim();
  t.is(read('ended'), '0', read('console'));
  const kept = recordsIn(join(results, 'spool'));
  t.log(`${2 * safe.made} ends were ${MAY_BE_LOST} s old or older, ${kept} of ${2 * end.made} are there`);
  t.log(read('second'));
  t.true(kept >= 2 * safe.made);
  t.true(kept <= 2 * end.made + 100, 'none is there twice');
  t.is(read('code'), '0');
  const { lost } = books(read('second').split('\n').at(-1) ?? '');
  t.deepEqual(
    Object.keys(lost).filter((reason) => reason !== 'export crash'),
    [],
  );
});
