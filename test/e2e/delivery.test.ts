import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Agent, ends, only, startAgent, within } from '../support/agent.ts';
import { asJson } from '../support/as-json.ts';
import { type Collector, freePort, type LogRecord } from '../support/collector.ts';
import { type Exchange, exchange } from '../support/exchange.ts';
import { faults } from '../support/expected.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { recordsIn } from '../support/spool-files.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { logsFileIn, readKilled, startUnbuffered, unique } from '../support/unbuffered-collector.ts';

const WAIT = 60_000;

async function agentFor(t: ExecutionContext, namespace: Namespace, port: number, spool: string): Promise<Agent> {
  const endpoint = ['--otlp-endpoint', `http://127.0.0.1:${port}`, '--no-metrics'];
  const agent = await startAgent([...only(namespace), ...endpoint, '--spool', spool, '--format', 'json']);
  t.teardown(() => agent.kill9());
  return agent;
}

/** Collectors, one after the other at the same port; each has files of its own. */
class Collectors {
  readonly port: number;
  readonly #t: ExecutionContext;
  readonly #directories: string[] = [];
  #current: Collector | undefined;

  constructor(t: ExecutionContext, port: number) {
    this.#t = t;
    this.port = port;
  }

  async start(): Promise<void> {
    const directory = join(temporaryDirectory(this.#t), `${this.#directories.length}`);
    mkdirSync(directory);
    this.#directories.push(directory);
    const collector = await startUnbuffered(directory, this.port);
    this.#t.teardown(() => collector.kill());
    this.#current = collector;
  }

  kill(): void {
    this.#current?.kill();
  }

  records(): LogRecord[] {
    return this.#directories.flatMap((directory) => readKilled(logsFileIn(directory)));
  }
}

/** Records that the agent says are in memory alone. */
function markIn(spool: string): number {
  const path = join(spool, 'logs/memory');
  return existsSync(path) ? Number(readFileSync(path, 'latin1').split(' ')[2]) : 0;
}

/** What the Collectors have, once each, when that many have come. */
function arrived(collectors: Collectors, count: number): Promise<ReturnType<typeof unique>> {
  return settled(
    () => unique(collectors.records()),
    ({ once }) => once.length >= count,
    WAIT,
  );
}

test.serial('a Collector that is killed over and over again has every record in the end', async (t) => {
  const collectors = new Collectors(t, await freePort());
  await withNamespace(async (namespace) => {
    const agent = await agentFor(t, namespace, collectors.port, temporaryDirectory(t));
    const talks: Exchange[] = [];
    for (let round = 0; round < 4; round++) {
      await collectors.start();
      const talk = exchange(t, namespace, { connections: 401, prefix: `round${round}` });
      // In the middle of requests: at another moment each time, since the machine is never the same.
      await settled(
        () => collectors.records().length,
        (count) => count > 100 * round,
        WAIT,
      );
      collectors.kill();
      talks.push(await talk);
    }
    await collectors.start();
    const total = talks.reduce((sum, { wanted }) => sum + wanted.length, 0);
    const all = await arrived(collectors, total);
    const records = within(namespace, all.once.map(asJson));
    t.is(records.length, total);
    // Ports come again from one to the other.
    for (const { wanted, clientName, serverName } of talks) {
      const names = [clientName, serverName];
      const own = records.filter(({ resource }) => names.includes(String(resource['process.executable.name'])));
      t.deepEqual(faults(own, wanted), []);
    }
    t.deepEqual(all.differing, []);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    t.regex(summary, /unsent 0, lost 0/);
    t.log(`${total} records, ${all.doubled} of them twice`);
  });
});

test.serial('an agent that is killed while the Collector is away leaves its records to the next one', async (t) => {
  const collectors = new Collectors(t, await freePort());
  const spool = temporaryDirectory(t);
  await withNamespace(async (namespace) => {
    const first = await agentFor(t, namespace, collectors.port, spool);
    const { wanted } = await exchange(t, namespace, { connections: 509 });
    await first.waitForEnds(namespace, wanted.length);
    await settled(
      () => recordsIn(spool),
      (count) => count >= wanted.length,
      WAIT,
    );
    await first.kill9();
    await collectors.start();
    const second = await agentFor(t, namespace, collectors.port, spool);
    const all = await arrived(collectors, wanted.length);
    t.deepEqual(faults(within(namespace, all.once.map(asJson)), wanted), []);
    t.is(all.doubled, 0);
    const { code, summary } = await second.stop();
    t.is(code, 0);
    t.regex(summary, new RegExp(`\\(${wanted.length} of them from an earlier run\\)`));
    t.is(recordsIn(spool), 0);
  });
});

test.serial('an agent that is asked to stop in a pause keeps what it has for the next one, at once', async (t) => {
  const collectors = new Collectors(t, await freePort());
  const spool = temporaryDirectory(t);
  await withNamespace(async (namespace) => {
    const first = await agentFor(t, namespace, collectors.port, spool);
    const { wanted } = await exchange(t, namespace, { connections: 101 });
    await first.waitForEnds(namespace, wanted.length);
    await first.stop('SIGTERM');
    const ended = await first.stop();
    t.is(ended.code, 0);
    t.regex(ended.summary, new RegExp(`kept for the next run ${wanted.length}, unsent 0, lost 0$`));
    await collectors.start();
    const second = await agentFor(t, namespace, collectors.port, spool);
    const all = await arrived(collectors, wanted.length);
    t.deepEqual(faults(within(namespace, ends(all.once.map(asJson))), wanted), []);
    t.regex((await second.stop()).summary, /lost 0$/);
  });
});

test.serial(
  'what an agent that is killed had in memory alone is lost, and the next one says how much that is',
  async (t) => {
    const collectors = new Collectors(t, await freePort());
    const spool = temporaryDirectory(t);
    await withNamespace(async (namespace) => {
      const first = await agentFor(t, namespace, collectors.port, spool);
      const { wanted } = await exchange(t, namespace, { connections: 1009 });
      await first.waitForEnds(namespace, wanted.length);
      // Some may have gone to the disk by now. Who stands still writes neither; all are in one place or the other.
      let [inMemory, onDisk] = [0, 0];
      for (let looks = 0; looks < 1000 && inMemory + onDisk !== wanted.length; looks++) {
        process.kill(first.pid, 'SIGCONT');
        await sleep(5);
        process.kill(first.pid, 'SIGSTOP');
        [inMemory, onDisk] = [markIn(spool), recordsIn(spool)];
      }
      t.is(inMemory + onDisk, wanted.length);
      await first.kill9();
      await collectors.start();
      const second = await agentFor(t, namespace, collectors.port, spool);
      const all = await arrived(collectors, onDisk);
      const { code, summary } = await second.stop();
      t.is(code, 0);
      t.log(summary);
      t.regex(summary, inMemory > 0 ? new RegExp(`, lost ${inMemory} \\(export crash ${inMemory}\\)$`) : /, lost 0$/);
      t.is(all.once.length, onDisk);
      t.is(recordsIn(spool), 0);
    });
  },
);
