/** What a run that is killed had in memory alone: the next one says it, once, and only then. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { batchOf, createDeliveryRig, later, sent } from '../../support/delivery.ts';
import { eventually } from '../../support/processes.ts';
import { ok, refused } from '../../support/scripted-transport.ts';
import { lost, openSpoolRig, segments, store, takeAll } from '../../support/spool.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const markIn = (directory: string) => {
  const path = join(directory, 'memory');
  return existsSync(path) ? Number(readFileSync(path, 'latin1').split(' ')[2]) : undefined;
};
const untilMarked = (directory: string, count: number) =>
  eventually(
    `mark of ${count}`,
    () => markIn(directory),
    (mark) => mark === count,
  );

/** As it would be if the agent was killed now. */
function copyOf(t: ExecutionContext, directory: string): string {
  const copy = temporaryDirectory(t);
  cpSync(directory, copy, { recursive: true });
  return copy;
}

async function lostBy(directory: string): Promise<Readonly<Record<string, number>>> {
  const { spool, ledger } = openSpoolRig(directory);
  await spool.close();
  return lost(ledger);
}

test('the count follows what is in memory alone: up, down when it is on the disk, gone after an end in order', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool, ledger } = openSpoolRig(directory);
  let isUp = false;
  const rig = createDeliveryRig(() => (isUp ? ok : refused('retry', 'unavailable')), {}, spool, ledger);
  let open = 0;
  spool.watchMemory(() => rig.delivery.waiting.unsaved + open);
  t.is(markIn(directory), undefined);
  open = 3;
  await untilMarked(directory, 3);
  open = 0;
  rig.delivery.push(batchOf(7));
  await untilMarked(directory, 7);
  t.deepEqual(await lostBy(copyOf(t, directory)), { crash: 7 });
  // It has gone to the disk, so a crash takes nothing.
  await untilMarked(directory, 0);
  t.is(spool.records, 7);
  t.deepEqual(await lostBy(copyOf(t, directory)), {});
  isUp = true;
  await rig.transport.until(() => sent(rig) === 7);
  await rig.delivery.shutdown(later());
  t.false(existsSync(join(directory, 'memory')));
  t.deepEqual(lost(ledger), {});
});

test('it is said once, and by the run after it', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool } = openSpoolRig(directory);
  spool.watchMemory(() => 12);
  await untilMarked(directory, 12);
  const left = copyOf(t, directory);
  await spool.close();
  const { spool: next, ledger, said } = openSpoolRig(left);
  t.deepEqual(lost(ledger), { crash: 12 });
  t.regex(said.join(), /the run before ended with 12 records in memory alone/);
  await next.close();
  t.deepEqual(await lostBy(left), {});
});

test('a file that is damaged, or of another version, says nothing, and stops nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool } = openSpoolRig(directory);
  spool.watchMemory(() => 12);
  await untilMarked(directory, 12);
  const text = readFileSync(join(directory, 'memory'), 'latin1');
  await spool.close();
  const damaged = Array.from({ length: text.length }, (_, at) => [
    text.slice(0, at),
    text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1),
  ]).flat();
  for (const each of [...damaged, `${text}x`, text.replace('memory 1', 'memory 2')]) {
    writeFileSync(join(directory, 'memory'), each);
    t.deepEqual(await lostBy(directory), {}, JSON.stringify(each));
  }
});

test('a disk that takes nothing is a fault, and tried again', async (t) => {
  const directory = temporaryDirectory(t);
  const { spool, ledger } = openSpoolRig(directory);
  // Not to be opened for writing, as a file on a disk that is read-only.
  mkdirSync(join(directory, 'memory'));
  spool.watchMemory(() => 5);
  await eventually(
    'fault',
    () => ledger.faults.get('export/spool') ?? 0,
    (faults) => faults > 0,
  );
  rmdirSync(join(directory, 'memory'));
  await untilMarked(directory, 5);
  await spool.close();
  t.deepEqual(lost(ledger), {});
});

for (const [marked, wanted] of [
  [12, { crash: 12 }],
  [4, { crash: 4, spool_damaged: 5 }],
] as const)
  test(`a batch whose writing was cut off is counted once: nine records of ${marked}`, async (t) => {
    const directory = temporaryDirectory(t);
    const { spool } = openSpoolRig(directory);
    spool.watchMemory(() => marked);
    await store(spool, 9);
    await untilMarked(directory, marked);
    const left = copyOf(t, directory);
    await spool.close();
    truncateSync(join(left, segments(left)[0] as string), 1000);
    const { spool: next, ledger } = openSpoolRig(left);
    t.is((await takeAll(next)).length, 0);
    t.deepEqual(lost(ledger), wanted);
    await next.close();
  });
