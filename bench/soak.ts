/**
 * An agent that watches this host for long: 200 connections a second by one process and 20 by as many, new network namespaces
 * and cgroups each second, datagrams to ever new peers, and a server that is away six times. Its memory, descriptors, threads
 * and BPF objects have to stay where they were; nothing may be lost.
 *
 *   npm run bench:soak -- [--minutes 10] [--own]
 *
 * --own: for a machine that others use meanwhile, the agent watches the bench's own network namespace alone; those that come
 * and go are not seen then.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { only, startAgent } from '../test/support/agent.ts';
import { objectsOf } from '../test/support/bpf.ts';
import { built } from '../test/support/compile.ts';
import { type Namespace, withNamespace } from '../test/support/netns.ts';
import { family } from '../test/support/processes.ts';
import { books } from '../test/support/summary.ts';
import { type Kind, makeCgroup, runLives } from './lib/hardships/lives.ts';
import { lineThrough } from './lib/line.ts';
import { readOptions, wholeNumber } from './lib/options.ts';
import { Sink } from './lib/sink.ts';

const { values } = readOptions({
  options: { minutes: { type: 'string', default: '10' }, own: { type: 'boolean', default: false } },
});
const minutes = wholeNumber('--minutes', values.minutes);

const OUTAGES = 6;
/** Seconds of one turn of the load; nothing of it lives longer, however long the bench does. */
const TURN = 10;

interface Sample {
  readonly minute: number;
  /** MiB, of the agent and its helpers. */
  readonly resident: number;
  readonly anonymous: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly objects: number;
}

const counted = ['descriptors', 'threads', 'objects'] as const;

function sample(pid: number, minute: number): Sample {
  const all = family(pid);
  const status = all.map((each) => readFileSync(`/proc/${each}/status`, 'utf8')).join('\n');
  const sum = (name: string) =>
    [...status.matchAll(new RegExp(`^${name}:\\s*(\\d+)`, 'gm'))].reduce((total, [, n]) => total + Number(n), 0);
  const { prog, map, link } = objectsOf(pid);
  return {
    minute,
    resident: sum('VmRSS') / 1024,
    anonymous: sum('RssAnon') / 1024,
    descriptors: all.reduce((total, each) => total + readdirSync(`/proc/${each}/fd`).length, 0),
    threads: sum('Threads'),
    objects: prog.size + map.size + link.size,
  };
}

function textOf({ minute, resident, anonymous, descriptors, threads, objects }: Sample): string {
  const memory = `${resident.toFixed(0)} MiB (anonymous ${anonymous.toFixed(0)})`;
  return `minute ${minute.toFixed(1)}: ${memory}, ${descriptors} descriptors, ${threads} threads, ${objects} BPF objects`;
}

/** Datagrams of a turn, each to a peer of its own. */
const PEERS = 500;

/** All that happens in a turn. Returns what the agent has to see begin: both ends of connections, and conversations. */
async function turn(namespace: Namespace, directory: string): Promise<number> {
  const lives = async (kind: Kind, rate: number) => {
    const { failed } = await runLives(namespace, kind, rate * TURN, ['--rate', `${rate}`, '--directory', directory]);
    if (failed > 0) throw new Error(`${failed} of ${rate * TURN} ${kind} failed`);
    return 2 * rate * TURN;
  };
  const all = await Promise.all([
    lives('connections', 200),
    lives('processes', 20),
    lives('cgroups', 2),
    lives('namespaces', 2).then((ends) => (values.own ? 0 : ends)),
    namespace.run(built('bench/storm.c'), ['scan', `${PEERS}`]).then(() => PEERS),
  ]);
  return all.reduce((sum, count) => sum + count, 0);
}

/** Away for a tenth of each of as many equal parts. */
async function comeAndGo(sink: Sink, over: AbortSignal): Promise<void> {
  const part = (minutes * 60_000) / OUTAGES;
  const rest = (ms: number) => sleep(ms, undefined, { signal: over }).catch(() => undefined);
  while (!over.aborted) {
    await rest(part * 0.6);
    if (over.aborted) return;
    await sink.leave();
    await rest(part * 0.1);
    await sink.come();
    await rest(part * 0.3);
  }
}

function verdict(samples: readonly Sample[]): string[] {
  const warm = samples.slice(Math.floor(samples.length / 3));
  const [middle, last] = [warm.slice(0, warm.length / 2), warm.slice(warm.length / 2)];
  const least = (some: readonly Sample[], name: keyof Sample) => Math.min(...some.map((each) => each[name]));
  const { slope } = lineThrough(warm.map(({ minute, anonymous }) => [minute / 60, anonymous]));
  const floors = [least(middle, 'anonymous'), least(last, 'anonymous')] as const;
  console.log(`anonymous memory behind the first third: ${slope.toFixed(1)} MiB/h by least squares,`);
  console.log(`at least ${floors[0].toFixed(1)} MiB in its first half, ${floors[1].toFixed(1)} MiB in its second`);
  // What is collected comes and goes; what leaks stays, so it lifts the least that there was.
  const grown = counted.filter((name) => least(last, name) > least(middle, name));
  return floors[1] > floors[0] * 1.1 ? ['memory', ...grown] : grown;
}

process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const { directory, remove } = makeCgroup('soak');

try {
  await withNamespace(async (namespace) => {
    const sink = new Sink();
    await sink.come();
    const options = ['--otlp-endpoint', sink.endpoint, '--no-metrics', '--flow-idle', '20s'];
    const agent = await startAgent(values.own ? [...options, ...only(namespace)] : options, { stdout: 'ignore' });
    const begin = performance.now();
    const elapsed = () => (performance.now() - begin) / 60_000;
    const over = new AbortController();
    const outages = comeAndGo(sink, over.signal);
    const samples: Sample[] = [];
    let made = 0;
    while (elapsed() < minutes) {
      made += await turn(namespace, directory);
      const now = sample(agent.pid, elapsed());
      if (Math.floor(now.minute) > Math.floor(samples.at(-1)?.minute ?? -1)) console.log(textOf(now));
      samples.push(now);
    }
    over.abort();
    await outages;
    const { summary, code } = await agent.stop();
    await sink.leave();
    console.log(textOf(samples.at(-1) as Sample));
    const grown = verdict(samples);
    const { records, opened, closed, live, lost } = books(summary);
    console.log(`${made} connections' ends and conversations of its own; ${sink.records} records arrived\n${summary}`);
    const isComplete = values.own ? opened === made : opened >= made;
    const isWhole = isComplete && opened === closed + live && sink.records === records;
    if (grown.length > 0) console.log(`GROWN: ${grown.join(', ')}`);
    if (grown.length > 0 || !isWhole || Object.keys(lost).length > 0 || code !== 0) process.exitCode = 1;
  });
} finally {
  remove();
}
