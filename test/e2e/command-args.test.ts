/** `--command-args`: complete for processes of a moment, of each program of a pid its own, and never with a secret. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { attribute, ends, observe, only, spawnAgent, startAgent, withAgent } from '../support/agent.ts';
import { built } from '../support/compile.ts';
import { withNamespace } from '../support/netns.ts';
import { result } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { copyOf, program, runClient, runShortLived, type ShortLived, startServer } from '../support/workload.ts';

const PROCESSES = 500;
const PROGRAMS = 60;
const ARGS = 'process.command_args';

test.serial('500 processes that are gone a moment later: each with all of its arguments', async (t) => {
  const directory = temporaryDirectory(t);
  const file = copyOf('short-lived', directory, 'spawner');
  const helper = copyOf('short-lived-helper', directory, 'mayfly');
  await withNamespace(async (namespace) => {
    let spawned: ShortLived | undefined;
    let port = 0;
    const { ends, summary } = await observe(namespace, [...only(namespace), '--command-args'], async () => {
      const server = await startServer(namespace);
      port = server.port;
      spawned = await runShortLived(namespace, { file, helper, port, processes: PROCESSES });
      await server.stop();
      return 2 * PROCESSES;
    });
    const clients = ends.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
    const told = clients.map((record) => JSON.stringify([attribute(record, 'process.pid'), attribute(record, ARGS)]));
    const wanted = spawned?.processes.map(({ pid, userId, bytes }) =>
      JSON.stringify([pid, [helper, `${port}`, `${userId}`, `${bytes}`]]),
    );
    t.is(told.length, PROCESSES);
    t.deepEqual(told.toSorted(), wanted?.toSorted());
    t.notRegex(summary, /command_args/);
  });
});

test.serial('one pid for one program after the other: each connection has the arguments of its own', async (t) => {
  const directory = temporaryDirectory(t);
  const programs = ['red', 'green'].map((name) => copyOf('short-lived-helper', directory, name));
  await withNamespace(async (namespace) => {
    let port = 0;
    const { ends } = await observe(namespace, [...only(namespace), '--command-args'], async () => {
      const server = await startServer(namespace);
      port = server.port;
      const args = ['--port', `${port}`, '--count', `${PROGRAMS}`, ...programs];
      await namespace.run(built('test/workloads/same-pid.c'), args);
      await server.stop();
      return 2 * PROGRAMS;
    });
    const clients = ends.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
    const wanted = Array.from({ length: PROGRAMS }, (_, i) => [
      programs[i % programs.length],
      `${port}`,
      '65534',
      `${3 * i}`,
    ]);
    t.deepEqual(
      clients.map((record) => JSON.stringify(attribute(record, ARGS))).toSorted(),
      wanted.map((args) => JSON.stringify(args)).toSorted(),
    );
  });
});

test.serial(
  'a secret is in no output and in no recording; who is older than the agent has arguments, too',
  async (t) => {
    const directory = temporaryDirectory(t);
    const secret = 'Tr0ub4dor-hunter2';
    await withNamespace(async (namespace) => {
      const server = await startServer(namespace);
      const file = join(directory, 'recording');
      const connect = ['--port', `${server.port}`, '--connections', '3'];
      await withAgent(['--format', 'json', '--command-args', '--record', file, ...only(namespace)], async (agent) => {
        await namespace.run(program('tcp-client'), [...connect, '--db-password', secret, 'visible words']);
        await agent.waitForEnds(namespace, 6);
        const { records } = await agent.stop();
        t.false(JSON.stringify(records).includes(secret));
        const of = (role: string) => {
          const one = ends(records).find((record) => attribute(record, 'sockflow.connection.role') === role);
          return one && attribute(one, ARGS);
        };
        t.deepEqual(of('client'), [
          ...[program('tcp-client'), ...connect],
          ...['--db-password', '[REDACTED]', 'visible words'],
        ]);
        t.like(of('server'), [program('tcp-server'), 'loop', '--family', '4']);
      });
      t.false(readFileSync(file).includes(secret));
      for (const format of ['text', 'json']) {
        const { stdout } = await result(spawnAgent(['replay', file, '--format', format, '-v']));
        t.true(stdout.includes('visible words'), format);
        t.true(stdout.includes('[REDACTED]'), format);
        t.false(stdout.includes(secret), format);
      }
      await server.stop();
    });
  },
);

test.serial('nothing is told of arguments unless it is asked for', async (t) => {
  await withNamespace(async (namespace) => {
    const { ends } = await observe(namespace, only(namespace), async () => {
      const server = await startServer(namespace);
      await runClient(namespace, { port: server.port, connections: 2 });
      await server.stop();
      return 4;
    });
    t.is(ends.length, 4);
    t.true(ends.every((record) => attribute(record, ARGS) === undefined));
  });
});

test.serial('with top it is refused', async (t) => {
  await t.throwsAsync(startAgent(['top', '--once', '--command-args']), { message: /--command-args is not for top/ });
});
