/** A runtime's socket that hangs, drips, floods or lies: the records of everybody go on all the same. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createContainers } from '../../../../src/enrich/containers.ts';
import { createCri } from '../../../../src/enrich/runtime/cri.ts';
import { Ledger } from '../../../../src/ledger.ts';
import type { ConnectionRecord } from '../../../../src/model.ts';
import { makeProcess, makeRecord } from '../../../support/otlp-records.ts';
import { finished, inTime, TIED } from '../../../support/processes.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';
import type { Way } from '../../../workloads/hostile-runtime.ts';

/** Turns of the event loop with records in each. */
const TURNS = 400;
/** Milliseconds of the processor that a turn may take, 99 of 100: no other record waits for longer. */
const LONGEST_TURN = 50;
const WAIT = 50;

const ways: readonly Way[] = [
  'hangs',
  'drips an event byte by byte',
  'floods with events',
  'floods with an answer without an end',
  'lies in each event',
  'speaks no HTTP',
  'hangs up in the middle',
  'events without end over gRPC',
];

// What is loaded at the first question takes longer than any turn.
createCri('/nonexistent', 1).close();

async function start(t: ExecutionContext, way: Way): Promise<string> {
  const socket = join(temporaryDirectory(t), 's');
  const workload = join(import.meta.dirname, '../../../workloads/hostile-runtime.ts');
  const [command, ...before] = TIED;
  const runtime = spawn(command, [...before, process.execPath, workload, socket, way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => {
    runtime.kill('SIGKILL');
    return finished(runtime);
  });
  await inTime(once(runtime.stdout, 'data'), () => 'no runtime');
  return socket;
}

/** One in a container that is new, one in none. */
function makeRecords(turn: number): ConnectionRecord[] {
  const inside = makeProcess(turn + 1, { cgroups: [`/docker/${`${turn}`.padStart(64, 'a')}`] });
  return [makeRecord(2 * turn, { process: inside }), makeRecord(2 * turn + 1, { process: makeProcess(1) })];
}

for (const way of ways)
  test.serial(
    `a runtime that ${way.startsWith('events') ? `has ${way}` : way} holds up no record of others`,
    async (t) => {
      const socket = await start(t, way);
      const ledger = new Ledger();
      const late: ConnectionRecord[] = [];
      const isCri = way.endsWith('gRPC');
      const nowhere = `${socket}.none`;
      const containers = createContainers({
        options: {
          ...{ docker: true, containerWait: WAIT, containerLabels: [], hostRoot: '/' },
          ...{ dockerSocket: [isCri ? nowhere : socket], runtimeEndpoint: [isCri ? socket : nowhere] },
        },
        ledger,
        log: { limited: () => undefined },
        emit: (records) => late.push(...records),
      });
      t.teardown(() => containers.close());
      const passed: ConnectionRecord[] = [];
      const took: number[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const before = process.threadCpuUsage();
        const records = makeRecords(turn);
        for (const { process: owner } of records) if (owner) containers.enricher.enrich(owner);
        const now = containers.pass(records);
        t.true(now.includes(records[1] as ConnectionRecord), 'who is in no container does not wait');
        passed.push(...now);
        await nextTurn();
        const { user, system } = process.threadCpuUsage(before);
        took.push((user + system) / 1000);
      }
      const long = took.toSorted((one, other) => other - one)[TURNS / 100] as number;
      t.true(long <= LONGEST_TURN, `turns took ${long} ms of the processor`);
      containers.close();
      t.is(passed.length + late.length, 2 * TURNS, 'and nothing is lost');
      t.log(`99 of 100 turns took less than ${long.toFixed(1)} ms`);
    },
  );
