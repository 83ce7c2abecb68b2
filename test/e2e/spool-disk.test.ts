/**
 * A disk below the spool that is read-only or broken: the agent goes on, says so, and takes it up again. One that is full,
 * and a storm of records for it: test/integration/spool-disk.test.ts.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { only, startAgent } from '../support/agent.ts';
import { freePort } from '../support/collector.ts';
import { builtPreload } from '../support/compile.ts';
import { exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { eventually } from '../support/processes.ts';
import { remount, rig, said } from '../support/spool-disk.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { logsFileIn, readKilled, startUnbuffered, unique } from '../support/unbuffered-collector.ts';

test.serial('read-only for a while: nothing is lost, and the disk is used again', async (t) => {
  await withNamespace(async (namespace) => {
    const all = await rig(t, namespace);
    await remount(all, 'ro');
    const first = await exchange(t, namespace, { connections: 301 });
    await said(all, /spool: .*EROFS.*records stay in memory/);
    await remount(all, 'rw');
    await said(all, /spool: .* takes records again/);
    const second = await exchange(t, namespace, { connections: 101, prefix: 'second' });
    const total = first.wanted.length + second.wanted.length;
    await all.agent.waitForEnds(namespace, total);
    const { code, summary } = await all.agent.stop('SIGTERM');
    t.is(code, 0);
    t.regex(summary, new RegExp(`kept for the next run ${total}, unsent 0, lost 0`));
  });
});

test.serial(
  'broken (EIO) while it is written, synced and read: nothing is lost, and the disk is used again',
  async (t) => {
    await withNamespace(async (namespace) => {
      const [spool, port, flag] = [temporaryDirectory(t), await freePort(), join(temporaryDirectory(t), 'broken')];
      const args = [
        '--otlp-endpoint',
        `http://127.0.0.1:${port}`,
        '--no-metrics',
        '--spool',
        spool,
        '--format',
        'json',
      ];
      const env = {
        LD_PRELOAD: builtPreload('test/workloads/eio.c'),
        SOCKFLOW_EIO_BELOW: spool,
        SOCKFLOW_EIO_WHILE: flag,
      };
      const agent = await startAgent([...only(namespace), ...args], { env });
      t.teardown(() => agent.kill9());
      const all = { agent, spool, port };

      // Written while the disk is well, the rest while it is broken.
      const before = await exchange(t, namespace, { connections: 101, prefix: 'before' });
      await agent.waitForEnds(namespace, before.wanted.length);
      await said(all, /records wait and are tried again/);
      writeFileSync(flag, '');
      const during = await exchange(t, namespace, { connections: 301, prefix: 'during' });
      await agent.waitForEnds(namespace, before.wanted.length + during.wanted.length);
      await said(all, /spool: .*EIO.*records stay in memory/);

      // What lies on the disk cannot be read now, what is in memory arrives.
      const directory = temporaryDirectory(t);
      const collector = await startUnbuffered(directory, port);
      t.teardown(() => collector.kill());
      await said(all, /takes records again/);
      rmSync(flag);
      const after = await exchange(t, namespace, { connections: 101, prefix: 'after' });
      const total = before.wanted.length + during.wanted.length + after.wanted.length;
      await agent.waitForEnds(namespace, total);
      await eventually(
        'all records in the Collector',
        () => unique(readKilled(logsFileIn(directory))).once.length,
        (count) => count === total,
      );
      const { code, summary } = await agent.stop('SIGTERM');
      t.is(code, 0);
      t.regex(summary, new RegExp(`sent \\d+ to stdout and ${total} to otlp-logs, unsent 0, lost 0`));
      t.deepEqual(unique(readKilled(logsFileIn(directory))).differing, []);
    });
  },
);
