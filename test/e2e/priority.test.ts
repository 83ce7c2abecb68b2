/** Who is served first is the agent's own affair only where nobody else has chosen. */
import { getPriority, setPriority } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { withAgent } from '../support/agent.ts';

const OPTIONS = ['--format', 'none', '--tcp'];

/** For this test: the tests themselves may have been started with another one. */
function choose(t: ExecutionContext, niceness: number): void {
  const own = getPriority();
  t.teardown(() => setPriority(own));
  setPriority(niceness);
}

test.serial('the agent comes before others', async (t) => {
  choose(t, 0);
  t.is(await withAgent(OPTIONS, async (agent) => getPriority(agent.pid)), -10);
});

test.serial('but where another niceness was chosen it stays', async (t) => {
  choose(t, 3);
  t.is(await withAgent(OPTIONS, async (agent) => getPriority(agent.pid)), 3);
});
