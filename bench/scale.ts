import { setTimeout as sleep } from 'node:timers/promises';
import { makeCgroup, runLives } from './lib/hardships/lives.ts';
import { withScene } from './lib/hardships/rig.ts';
import { type Line, lineThrough, type Point } from './lib/line.ts';
import { bpfRunTime, cpuOf, measuringBpf, sumOf, untilIdle } from './lib/measure.ts';
import { readOptions, wholeNumber } from './lib/options.ts';

const { values } = readOptions({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
});
const rounds = wholeNumber('--rounds', values.rounds);

interface Dimension {
  /** One of what grows. */
  readonly name: string;
  readonly kind: 'connections' | 'processes' | 'namespaces' | 'cgroups';
  readonly counts: readonly number[];
  /** Connections at each point where it is not them that grow, but what each of them sends: counts are MiB of all then. */
  readonly connections?: number;
}

const FROM_TO = [1000, 3000, 9000];
const FEWER = [250, 750, 1500];
const dimensions: readonly Dimension[] = [
  { name: 'connection', kind: 'connections', counts: FROM_TO },
  { name: 'MiB, by 1,000 connections', kind: 'connections', counts: [0, 64, 256, 1024], connections: 1000 },
  { name: 'process with a connection', kind: 'processes', counts: FROM_TO },
  { name: 'cgroup with a connection', kind: 'cgroups', counts: FEWER },
  { name: 'network namespace with a connection', kind: 'namespaces', counts: FEWER },
];

/** Nanoseconds of CPU so far. */
interface Cost {
  readonly agent: number;
  readonly bpf: number;
}

function costOf(pid: number): Cost {
  return { agent: sumOf(cpuOf(pid)), bpf: bpfRunTime(pid).nanoseconds };
}

const minus = (after: Cost, before: Cost): Cost => ({ agent: after.agent - before.agent, bpf: after.bpf - before.bpf });

/** Microseconds of `body`, without what the agent takes in as much time when nothing happens. */
async function costOfDoing(pid: number, idle: Cost, body: () => Promise<unknown>): Promise<Cost> {
  await untilIdle([pid]);
  const [before, began] = [costOf(pid), performance.now()];
  await body();
  await untilIdle([pid]);
  const [{ agent, bpf }, seconds] = [minus(costOf(pid), before), (performance.now() - began) / 1000];
  return { agent: (agent - idle.agent * seconds) / 1000, bpf: (bpf - idle.bpf * seconds) / 1000 };
}

/** Of a second in which nothing happens. */
async function idleCost(pid: number): Promise<Cost> {
  await untilIdle([pid]);
  const SECONDS = 3;
  const before = costOf(pid);
  await sleep(SECONDS * 1000);
  const { agent, bpf } = minus(costOf(pid), before);
  return { agent: agent / SECONDS, bpf: bpf / SECONDS };
}

async function measure(dimension: Dimension, directory: string): Promise<Record<keyof Cost, Point[]>> {
  const { kind, counts, connections, name } = dimension;
  const seesAll = kind === 'namespaces';
  return withScene(
    { args: seesAll ? ['--tcp', '--filter', 'proc=lives'] : [], seesAll },
    async ({ agent, namespace }) => {
      const idle = await idleCost(agent.pid);
      const least = new Map<number, Cost>();
      const live = (count: number) => {
        const bytes = connections ? Math.floor((count * 2 ** 20) / connections) : 64;
        return runLives(namespace, kind, connections ?? count, ['--bytes', `${bytes}`, '--directory', directory]);
      };
      await live(counts[0] ?? 0); // warms up
      for (let round = 0; round < rounds; round++) {
        for (const count of counts) {
          const cost = await costOfDoing(agent.pid, idle, () => live(count));
          const known = least.get(count) ?? cost;
          least.set(count, { agent: Math.min(known.agent, cost.agent), bpf: Math.min(known.bpf, cost.bpf) });
          process.stderr.write(`${name} ${count}: agent ${cost.agent.toFixed(0)} µs, BPF ${cost.bpf.toFixed(0)} µs\n`);
        }
      }
      const points = (of: keyof Cost): Point[] => [...least].map(([count, cost]) => [count, cost[of]]);
      return { agent: points('agent'), bpf: points('bpf') };
    },
  );
}

function cell({ slope, fit }: Line): string {
  return `${slope.toFixed(2)} (${fit.toFixed(3)})`;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.setMaxListeners(0);

const { directory, remove } = makeCgroup('scale');
try {
  console.log('| one more | from … to | BPF µs (fit) | agent µs (fit) |\n| --- | --- | --- | --- |');
  for (const dimension of dimensions.filter(({ name }) => name.includes(values.only))) {
    const { agent, bpf } = await measuringBpf(() => measure(dimension, directory));
    const range = `${dimension.counts[0]}…${dimension.counts.at(-1)}`;
    console.log(`| ${dimension.name} | ${range} | ${cell(lineThrough(bpf))} | ${cell(lineThrough(agent))} |`);
  }
} finally {
  remove();
}
