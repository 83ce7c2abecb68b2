/**
 * A million connections as fast as they can be made, in a network namespace of their own: the agent's books against the
 * kernel's counters. Fails when they differ, or when anything is lost.
 *
 *   npm run bench:million -- [--n 1000000]  [--nice 0]     another niceness of the agent's main thread
 */
import { setPriority } from 'node:os';
import { startAgent } from '../test/support/agent.ts';
import { difference, readCounters } from '../test/support/kernel-counters.ts';
import { allEnded, watching } from '../test/support/lab.ts';
import { type Namespace, withNamespace } from '../test/support/netns.ts';
import { books } from '../test/support/summary.ts';
import { type Load, runLoad } from './lib/loads.ts';
import { cpuOf, peakMemory, subtract, untilIdle } from './lib/measure.ts';
import { readOptions, wholeNumber } from './lib/options.ts';

const { values } = readOptions({
  options: { n: { type: 'string', default: '1000000' }, nice: { type: 'string' } },
});
const connections = wholeNumber('--n', values.n);
const load: Load = { name: 'million', unit: 'connections', kind: 'connections', pinned: false, factor: 1 };

/** Connections that the load makes before it ends, as programs of the bench do within a minute. */
const PART = 50_000;

async function make(namespace: Namespace, connections: number): Promise<{ seconds: number; failed: number }> {
  const all = { seconds: 0, failed: 0 };
  for (let left = connections; left > 0; left -= PART) {
    const { seconds, failed } = await runLoad(namespace, load, Math.min(left, PART));
    all.seconds += seconds;
    all.failed += failed;
  }
  return all;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await withNamespace(async (namespace) => {
  const agent = await startAgent(watching(namespace, '--events', 'close,failed'), { stdout: 'ignore' });
  if (values.nice !== undefined) setPriority(agent.pid, Number(values.nice));
  const before = await readCounters(namespace);
  const cpuBefore = cpuOf(agent.pid);
  const { seconds, failed } = await make(namespace, connections);
  const left = await allEnded(namespace);
  await untilIdle([agent.pid]);
  const cpu = subtract(cpuOf(agent.pid), cpuBefore);
  const memory = peakMemory(agent.pid);
  const kernel = difference(before, await readCounters(namespace));
  const { summary } = await agent.stop();
  const { opened, closed, live, sent, lost } = books(summary);
  const ends = (kernel['Tcp.ActiveOpens'] ?? 0) + (kernel['Tcp.PassiveOpens'] ?? 0);
  const perEnd = (nanoseconds: number) => (nanoseconds / ends / 1000).toFixed(2);
  console.log(
    `${connections} connections in ${seconds.toFixed(1)} s, ${failed} failed${left && `, not ended:\n${left}`}`,
  );
  console.log(`ends by the kernel's counters ${ends}, by the agent: opened ${opened}, closed ${closed}, live ${live}`);
  console.log(
    `CPU of an end: JS ${perEnd(cpu.main)} µs, reader ${perEnd(cpu.reader)} µs; at most ${memory.toFixed(0)} MiB`,
  );
  console.log(summary);
  const isWhole = opened === ends && closed === ends && sent === ends && Object.keys(lost).length === 0;
  if (!isWhole) process.exitCode = 1;
});
