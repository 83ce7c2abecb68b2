/** Who is served first is the agent's own affair only where nobody else has chosen. */
import { getPriority, setPriority } from 'node:os';
import test from 'ava';
import { withAgent } from '../support/agent.ts';

const OPTIONS = ['--format', 'none', '--tcp'];

test.serial('the agent comes before others', async (t) => {
  t.is(await withAgent(OPTIONS, async (agent) => getPriority(agent.pid)), -10);
});

test.serial('but where another niceness was chosen it stays', async (t) => {
  t.teardown(() => setPriority(0));
  setPriority(3);
  t.is(await withAgent(OPTIONS, async (agent) => getPriority(agent.pid)), 3);
});
