/**
 * 100,000 live sockets: the agent's memory when it is ready and while all of them move, and what a snapshot takes of the
 * reader thread.
 *
 *   npm run bench:crowd -- [--rounds 5] [-- OPTION …]      options of the agent
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startAgent } from '../test/support/agent.ts';
import { gather, memoryOf, readerTime, SOCKETS } from '../test/support/crowd.ts';
import { watching } from '../test/support/lab.ts';
import { withNamespace } from '../test/support/netns.ts';
import { untilIdle } from './lib/measure.ts';
import { readOptions, wholeNumber } from './lib/options.ts';

const { values, positionals } = readOptions({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const rounds = wholeNumber('--rounds', values.rounds);

/** Milliseconds between snapshots: longer than one takes, and what the agent has to do behind it. */
const INTERVAL = 5_000;

function memoryText(pid: number): string {
  const { now, most, anonymous } = memoryOf(pid);
  return `${now} MiB (anonymous ${anonymous}), at most ${most}`;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await withNamespace(async (namespace) => {
  const options = ['--events', 'update,close,failed', '--interval', `${INTERVAL}ms`, ...positionals];
  const empty = await startAgent(watching(namespace, ...options), { stdout: 'ignore' });
  console.log(`nothing to watch: ${memoryText(empty.pid)}`);
  await empty.stop();

  const { move } = await gather(namespace);
  const agent = await startAgent(watching(namespace, ...options), { stdout: 'ignore' });
  console.log(`ready, ${SOCKETS} sockets: ${memoryText(agent.pid)}`);
  await sleep(2 * INTERVAL); // what had no room in the ring is told
  for (let round = 0; round < rounds; round++) {
    for (const moves of [false, true]) {
      await untilIdle([agent.pid]);
      if (moves) await move();
      const before = readerTime(agent.pid);
      await sleep(INTERVAL);
      const memory = memoryText(agent.pid);
      const time = Math.round(readerTime(agent.pid) - before);
      console.log(`${moves ? 'all moved' : 'none moved'}: reader thread ${time} ms in an interval, ${memory}`);
    }
  }
  console.log((await agent.stop()).summary);
});
