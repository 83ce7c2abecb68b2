/** A disk below the spool that is full, read-only or broken: the agent goes on, says so, counts what it loses, and takes it up again. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Agent, only, startAgent } from '../support/agent.ts';
import { freePort } from '../support/collector.ts';
import { built, builtPreload } from '../support/compile.ts';
import { exchange } from '../support/exchange.ts';
import { allEnded } from '../support/lab.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { eventually, output } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { logsFileIn, readKilled, startUnbuffered, unique } from '../support/unbuffered-collector.ts';

/** Connections: their records are more than twice what memory has room for. */
const STORM = 15_000;

interface Rig {
  readonly agent: Agent;
  readonly spool: string;
  readonly port: number;
}

/** An agent whose spool is a small file system that nobody else sees. */
async function rig(t: ExecutionContext, namespace: Namespace, ...more: string[]): Promise<Rig> {
  const [spool, port] = [temporaryDirectory(t), await freePort()];
  const args = ['--otlp-endpoint', `http://127.0.0.1:${port}`, '--no-metrics', '--spool', spool, '--format', 'json'];
  const mount = `mount -t tmpfs -o size=4m,mode=0700 none ${spool} && exec "$@"`;
  const through = ['unshare', '--mount', 'sh', '-c', mount, 'sh'];
  const agent = await startAgent([...only(namespace), ...args, ...more], { through });
  t.teardown(() => agent.kill9());
  return { agent, spool, port };
}

/** Busy for as long as somebody writes a file there. */
async function remount({ agent, spool }: Rig, how: 'ro' | 'rw'): Promise<void> {
  const args = [`--mount=/proc/${agent.pid}/ns/mnt`, 'mount', '-o', `remount,${how}`, spool];
  const attempt = () => output(spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] }), 'mount');
  await eventually(
    `remount,${how}`,
    () => attempt().catch((error: Error) => error.message),
    (answer) => answer === '',
  );
}

const said = ({ agent }: Rig, words: RegExp) =>
  eventually(
    `line ${words}`,
    () => agent.stderr,
    (stderr) => words.test(stderr),
  );

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

test.serial(
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
