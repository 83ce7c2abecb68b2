/** What changes hands fast: one pid for many programs, and network namespaces that live for one connection. */
import test from 'ava';
import { attribute, ends, observe, only, withAgent } from '../support/agent.ts';
import { built } from '../support/compile.ts';
import { withNamespace } from '../support/netns.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { copyOf, runAttempts, startServer } from '../support/workload.ts';

const COUNT = 300;

test.serial('300 programs under one pid: each connection has the name of its own', async (t) => {
  const directory = temporaryDirectory(t);
  const programs = ['red', 'green', 'blue'].map((name) => copyOf('short-lived-helper', directory, name));
  await withNamespace(async (namespace) => {
    let pid = 0;
    const { ends } = await observe(namespace, only(namespace), async () => {
      const server = await startServer(namespace);
      const args = ['--port', `${server.port}`, '--count', `${COUNT}`, ...programs];
      pid = JSON.parse(await namespace.run(built('test/workloads/same-pid.c'), args)).pid;
      await server.stop();
      return 2 * COUNT;
    });
    const clients = ends.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
    t.is(clients.length, COUNT);
    const told = clients.map((record) => {
      const bytes = Number(attribute(record, 'sockflow.connection.sent.bytes'));
      return `${bytes} ${attribute(record, 'process.pid')} ${attribute(record, 'process.executable.path')}`;
    });
    const wanted = Array.from({ length: COUNT }, (_, i) => `${3 * i} ${pid} ${programs[i % programs.length]}`);
    t.deepEqual(told.toSorted(), wanted.toSorted());
  });
});

test.serial('20 network namespaces, one after the other: each record is of its own, with the right name', async (t) => {
  const directory = temporaryDirectory(t);
  await withAgent(['--format', 'json', '--events', 'failed'], async (agent) => {
    const wanted: string[] = [];
    for (let i = 0; i < 20; i++) {
      const name = `ns-${i}`;
      await withNamespace(async (namespace) => {
        const file = copyOf('attempts', directory, name);
        await runAttempts(namespace, 'refused', { count: i + 1, file });
        for (let k = 0; k <= i; k++) wanted.push(`${namespace.inode} ${name}`);
      });
    }
    const inodes = new Set(wanted.map((line) => Number(line.split(' ')[0])));
    const ours = () =>
      ends(agent.records()).filter((r) => inodes.has(Number(attribute(r, 'sockflow.network.namespace'))));
    await agent.waitFor('all of them', () => ours().length >= wanted.length);
    await agent.stop();
    const told = ours().map(
      (record) => `${attribute(record, 'sockflow.network.namespace')} ${attribute(record, 'process.executable.name')}`,
    );
    t.deepEqual(told.toSorted(), wanted.toSorted());
  });
});
