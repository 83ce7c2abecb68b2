/** More records than memory has room for: a disk below the spool that is full, and one that has room for all of them. */
import test from 'ava';
import { only, startAgent } from '../support/agent.ts';
import { freePort } from '../support/collector.ts';
import { built } from '../support/compile.ts';
import { exchange } from '../support/exchange.ts';
import { allEnded } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { rig, said } from '../support/spool-disk.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { logsFileIn, readKilled, startUnbuffered, unique } from '../support/unbuffered-collector.ts';
import { serialUnlessHidden } from '../support/unless-hidden.ts';

/** Connections: their records are more than twice what memory has room for. */
const STORM = 15_000;

test.serial('full: what finds room neither there nor in memory is counted, and what comes later arrives', async (t) => {
  await withNamespace(async (namespace) => {
    const all = await rig(t, namespace, '--queue-size', '16MiB');
    const { agent, port } = all;
    const first = await exchange(t, namespace, { connections: 12_007, prefix: 'first' });
    await agent.waitForEnds(namespace, first.wanted.length);
    await said(all, /spool: .*(ENOSPC|no space).*records stay in memory/);
    await said(all, /the queue is full: the oldest records are dropped/);

    const directory = temporaryDirectory(t);
    const collector = await startUnbuffered(directory, port);
    t.teardown(() => collector.kill());
    await said(all, /takes records again/);
    const second = await exchange(t, namespace, { connections: 101, prefix: 'second' });
    const total = first.wanted.length + second.wanted.length;
    await agent.waitForEnds(namespace, total);
    const { code, summary } = await agent.stop();
    t.is(code, 0);
    // What is on the disk when the agent is asked to stop stays there: more or less of it, as fast as the machine is.
    const [, sent = '', , kept = '0', lost = ''] =
      /sent \d+ to stdout and (\d+) to otlp-logs, (kept for the next run (\d+), )?unsent 0, lost (\d+) \(export queue_full \4\)/.exec(
        summary,
      ) ?? [];
    t.is(Number(sent) + Number(kept) + Number(lost), total, summary);
    t.true(Number(lost) > 0);
    const { once, differing } = unique(readKilled(logsFileIn(directory)));
    t.is(once.length, Number(sent));
    t.deepEqual(differing, []);
    const late = once.filter(({ resource }) =>
      [second.clientName, second.serverName].includes(String(resource['service.name'])),
    );
    t.is(late.length, second.wanted.length);
  });
});

serialUnlessHidden(
  'a storm while nobody takes its records: all of them are on the disk, not only what memory has room for',
  async (t) => {
    await withNamespace(async (namespace) => {
      const spool = temporaryDirectory(t);
      const args = ['--otlp-endpoint', `http://127.0.0.1:${await freePort()}`, '--no-metrics', '--spool', spool];
      const agent = await startAgent([...only(namespace), ...args, '--queue-size', '16MiB', '--events', 'close'], {
        stdout: 'ignore',
      });
      t.teardown(() => agent.kill9());
      await namespace.run(built('bench/storm.c'), ['connections', `${STORM}`]);
      t.is(await allEnded(namespace), '');
      const { code, summary } = await agent.stop('SIGTERM');
      t.is(code, 0);
      t.regex(summary, new RegExp(`kept for the next run ${2 * STORM}, unsent 0, lost 0$`));
    });
  },
);
