/** `--filter` holds for every output, and the agent's own sums are of all that it saw. */
import test from 'ava';
import { attribute, withAgent } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { watching } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { runAttempts } from '../support/workload.ts';

test.serial('only what passes is shown; all is counted', async (t) => {
  await withNamespace(async (namespace) => {
    const words = 'failed proc=attempts !port=1';
    await withAgent([...watching(namespace, '--filter', words)], async (agent) => {
      await exchange(t, namespace, { connections: 20, family: '4' });
      await runAttempts(namespace, 'refused', { count: 9 });
      await agent.waitForEnds(namespace, 9);
      const { records, summary } = await agent.stop();
      t.is(records.length, 9);
      t.true(records.every((record) => attribute(record, 'error.type') === 'connection_refused'));
      t.regex(summary, /opened 49, closed 49, live 0\), sent 9,/);
    });
  });
});
