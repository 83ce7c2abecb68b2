/** What can befall an agent: it goes on, loses nothing that it has room for, and is as good as new afterwards. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, attribute, ends, type JsonRecord, withAgent, within } from '../support/agent.ts';
import { built, builtPreload } from '../support/compile.ts';
import { exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { watching } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { family } from '../support/processes.ts';
import { books } from '../support/summary.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';
import { copyOf } from '../support/workload.ts';

const ENDS = ['--events', 'close,failed'];

interface Lives {
  readonly lives: number;
  readonly port: number;
}

async function runLives(namespace: Namespace, kind: string, count: number, ...args: string[]): Promise<Lives> {
  const done = JSON.parse(await namespace.run(built('test/workloads/lives.c'), [kind, `${count}`, ...args]));
  if (done.failed > 0) throw new Error(`${done.failed} of ${count} ${kind} failed`);
  return done;
}

/** Nothing is lost, and what comes afterwards is exact. */
async function asGoodAsNew(t: ExecutionContext, agent: Agent, namespace: Namespace, before: number): Promise<void> {
  const { wanted, server } = await exchange(t, namespace, { connections: 53 });
  await agent.waitForEnds(namespace, before + wanted.length);
  const fresh = ends(agent.records()).filter((record) => attribute(record, 'server.port') === server.port);
  t.deepEqual(faults(fresh, wanted), []);
  const { code, summary } = await agent.stop();
  const { opened, closed, live, lost } = books(summary);
  const all = before + wanted.length;
  t.deepEqual({ code, opened, closed, live, lost }, { code: 0, opened: all, closed: all, live: 0, lost: {} });
}

/** Seconds from 1970 by the agent's clock, and by ours. */
const shifted = (record: JsonRecord) => (Date.parse(record.timestamp) - Date.now()) / 1000;

test.serial('a wall clock that is set: times follow it, durations do not', async (t) => {
  await withNamespace(async (namespace) => {
    const ahead = join(temporaryDirectory(t), 'ahead');
    const set = (seconds: number) => writeFileSync(ahead, new BigInt64Array([BigInt(seconds)]), { flag: 'r+' });
    writeFileSync(ahead, new BigInt64Array(1));
    const env = { LD_PRELOAD: builtPreload('test/workloads/clock.c'), SOCKFLOW_CLOCK_AHEAD: ahead };
    await withAgent(
      watching(namespace, ...ENDS),
      async (agent) => {
        const life = 0.3;
        let count = 0;
        for (const seconds of [0, 3600, -3600, 0]) {
          set(seconds);
          // The clock is looked at once a second; as soon as it has been, all that comes is by the new one.
          const follows = () => {
            const last = ends(agent.records()).at(-1);
            return last !== undefined && Math.abs(shifted(last) - seconds) < 60;
          };
          for (let tries = 0; tries < 1000 && !follows(); tries++) {
            await runLives(namespace, 'connections', 1);
            count += 2;
            await agent.waitForEnds(namespace, count);
          }
          await runLives(namespace, 'connections', 1, '--life', `${life * 1000}`);
          count += 2;
          await agent.waitForEnds(namespace, count);
          for (const record of ends(agent.records()).slice(-2)) {
            t.true(Math.abs(shifted(record) - seconds) < 60, `${shifted(record)} s instead of ${seconds}`);
            const duration = Number(attribute(record, 'sockflow.connection.duration'));
            t.true(duration >= life && duration < life + 30, `${duration} s`);
            const start = Date.parse(String(attribute(record, 'sockflow.connection.start_time')));
            t.true(Math.abs(Date.parse(record.timestamp) - start - duration * 1000) <= 1, 'start + duration = end');
          }
        }
        await asGoodAsNew(t, agent, namespace, count);
      },
      { env },
    );
  });
});

serialUnlessHidden(
  'JavaScript that stands still during a storm: the ring holds what comes, and it is told later',
  async (t) => {
    await withNamespace(async (namespace) => {
      const stall = join(import.meta.dirname, '../support/stall.ts');
      const env = { NODE_OPTIONS: `--import=${stall}`, SOCKFLOW_STALL_SECONDS: '3' };
      await withAgent(
        watching(namespace, ...ENDS),
        async (agent) => {
          process.kill(agent.pid, 'SIGUSR2');
          const { lives } = await runLives(namespace, 'connections', 3000);
          await agent.waitForEnds(namespace, 2 * lives);
          await asGoodAsNew(t, agent, namespace, 2 * lives);
        },
        { env },
      );
    });
  },
);

/** Takes every descriptor that is free away from a process; gives back how many it may have had. */
function leaveNoDescriptor(pid: number): number {
  const before = Number(/open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]);
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let free = 0;
  while (open.has(free)) free++;
  limitDescriptors(pid, free);
  return before;
}

/** No number from `limit` on is given any more; those that are open stay so. */
function limitDescriptors(pid: number, limit: number): void {
  const { status, stderr } = spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${limit}:`]);
  if (status !== 0) throw new Error(`prlimit of ${pid} ended with ${status}: ${stderr}`);
}

serialUnlessHidden('no descriptor is left: new processes are seen and known as ever', async (t) => {
  const file = copyOf('lives', temporaryDirectory(t), 'mayfly');
  await withNamespace(async (namespace) => {
    await withAgent(watching(namespace, ...ENDS), async (agent) => {
      const limits = family(agent.pid).map((pid) => ({ pid, before: leaveNoDescriptor(pid) }));
      const count = 500;
      await namespace.run(file, ['processes', `${count}`]);
      await agent.waitForEnds(namespace, 2 * count);
      const all = ends(within(namespace, agent.records()));
      t.deepEqual(new Set(all.map((record) => attribute(record, 'process.executable.path'))), new Set([file]));
      const clients = all.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
      t.is(new Set(clients.map((record) => attribute(record, 'process.pid'))).size, count);
      for (const { pid, before } of limits) limitDescriptors(pid, before);
      await asGoodAsNew(t, agent, namespace, 2 * count);
    });
  });
});

serialUnlessHidden(
  '300 network namespaces that come and go: both ends of each, with owner and namespace',
  async (t) => {
    const file = copyOf('lives', temporaryDirectory(t), 'nomad');
    const count = 300;
    await withNamespace(async (namespace) => {
      await withAgent(['--format', 'json', '--tcp', ...ENDS, '--filter', 'proc=nomad'], async (agent) => {
        await namespace.run(file, ['namespaces', `${count}`, '--parallel', '16', '--life', '20']);
        await agent.waitFor('the ends', (records) => ends(records).length >= 2 * count);
        const { records } = await agent.stop();
        t.is(ends(records).length, 2 * count);
        const byId = Map.groupBy(ends(records), (record) => String(attribute(record, 'sockflow.connection.id')));
        t.is(byId.size, count);
        for (const [id, both] of byId) {
          t.is(new Set(both.map((record) => attribute(record, 'sockflow.network.namespace'))).size, 1, id);
          t.deepEqual(both.map((record) => attribute(record, 'sockflow.connection.role')).toSorted(), [
            'client',
            'server',
          ]);
          t.true(both.every((record) => attribute(record, 'process.executable.path') === file));
          t.false(both.some((record) => attribute(record, 'sockflow.network.namespace') === namespace.inode));
        }
      });
    });
  },
);
