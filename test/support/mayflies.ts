/** Processes that make one connection and are gone. */
import type { ExecutionContext } from 'ava';
import { attribute, observe, only } from './agent.ts';
import { differences, identity } from './expected.ts';
import { withNamespace } from './netns.ts';
import { temporaryDirectory } from './temporary.ts';
import { copyOf, runShortLived, type Served, type ShortLived, startServer } from './workload.ts';

/** So many processes that are gone a moment later are all known by program, parent and user. */
export async function areAllKnown(t: ExecutionContext, count: number): Promise<void> {
  const directory = temporaryDirectory(t);
  const file = copyOf('short-lived', directory, 'spawner');
  const helper = copyOf('short-lived-helper', directory, 'mayfly');
  await withNamespace(async (namespace) => {
    let spawned: ShortLived | undefined;
    let served: Served[] = [];
    const { ends } = await observe(namespace, only(namespace), async () => {
      const server = await startServer(namespace);
      spawned = await runShortLived(namespace, { file, helper, port: server.port, processes: count });
      served = await server.stop();
      return 2 * count;
    });
    if (!spawned) throw new Error('no processes');

    const clients = ends.filter((record) => attribute(record, 'sockflow.connection.role') === 'client');
    t.is(served.length, count);
    t.is(clients.length, count);
    t.is(ends.length, 2 * count);

    const byPid = new Map(clients.map((record) => [attribute(record, 'process.pid'), record]));
    const parent = { parentPid: spawned.pid, parentExecutable: file };
    const wrong = spawned.processes.flatMap(({ pid, userId, bytes }) => {
      const record = byPid.get(pid);
      const wanted = {
        ...identity({ pid, userId, executable: helper, ...parent }),
        'sockflow.process.parent.user.name': 'root',
        'sockflow.connection.sent.bytes': bytes,
        'sockflow.connection.received.bytes': 0,
      };
      return record ? differences(record, wanted) : [`pid ${pid}: no record`];
    });
    t.deepEqual(wrong.slice(0, 10), []);
  });
}
