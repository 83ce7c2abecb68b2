/** What the package promises of the kernel's events. As it is published: test/integration/library.test.ts. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { type ConnectionEventRecord, type Watcher, watch } from '../../src/index.ts';
import { alive, objectsOf } from '../support/bpf.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { runAttempts, runClient, startServer } from '../support/workload.ts';

const CONNECTIONS = 13;
const REFUSED = 7;

const connectionsOf = (namespace: Namespace) =>
  ({
    networkNamespace: namespace.inode,
    events: ['close', 'failed'],
    docker: false,
    kubernetes: 'none',
  }) as const;

async function takeAll(watcher: Watcher): Promise<ConnectionEventRecord[]> {
  const all: ConnectionEventRecord[] = [];
  for await (const record of watcher) if (record.event !== 'dns') all.push(record);
  return all;
}

test.serial('it tells of connections and of failures, with their processes', async (t) => {
  await withNamespace(async (namespace) => {
    const watcher = await watch(connectionsOf(namespace));
    const server = await startServer(namespace);
    const client = await runClient(namespace, { port: server.port, connections: CONNECTIONS });
    await server.stop();
    const attempts = await runAttempts(namespace, 'refused', { count: REFUSED });
    await watcher.close();
    const told = (await takeAll(watcher)).map((record) =>
      [record.event, record.process?.pid, record.peerPort, record.sentBytes, record.receivedBytes].join(' '),
    );
    const closed = client.connections.map(
      ({ sent, received }) => `close ${client.pid} ${server.port} ${sent} ${received}`,
    );
    const failed = Array(REFUSED).fill(`failed ${attempts.pid} ${attempts.port} 0 0`);
    const ofPrograms = told.filter((line) => !line.startsWith(`close ${server.pid} `));
    t.is(told.length - ofPrograms.length, CONNECTIONS, "the server's ends");
    t.deepEqual(ofPrograms.toSorted(), [...closed, ...failed].toSorted());
  });
});

test.serial('two watchers at once see the same, and each has its books', async (t) => {
  await withNamespace(async (namespace) => {
    const watchers = await Promise.all([watch(connectionsOf(namespace)), watch(connectionsOf(namespace))]);
    await runAttempts(namespace, 'refused', { count: REFUSED });
    for (const watcher of watchers) {
      await watcher.close();
      const records = await takeAll(watcher);
      t.deepEqual(
        records.map(({ event, errorType }) => [event, errorType]),
        Array(REFUSED).fill(['failed', 'connection_refused']),
      );
      const { connections, lost, delivered, waiting } = watcher.statistics();
      t.deepEqual(
        { connections, lost, delivered, waiting },
        {
          connections: { opened: REFUSED, closed: REFUSED, live: 0 },
          lost: [],
          delivered: REFUSED,
          waiting: 0,
        },
      );
    }
  });
});

test.serial('who does not take records has as many as fit, and the rest is counted', async (t) => {
  await withNamespace(async (namespace) => {
    await using watcher = await watch({ ...connectionsOf(namespace), queueLimit: 5 });
    await runAttempts(namespace, 'refused', { count: 31 });
    await watcher.close();
    t.is(watcher.statistics().waiting, 5);
    t.deepEqual(watcher.statistics().lost, [{ stage: 'export', reason: 'watcher_full', count: 26 }]);
    t.is((await takeAll(watcher)).length, 5);
  });
});

test.serial('a worker thread that is terminated takes its watcher with it', async (t) => {
  const program = `import { workerData, parentPort } from 'node:worker_threads';
const { watch } = await import(workerData);
const watcher = await watch({ docker: false, kubernetes: 'none' });
parentPort.postMessage('watches');
for await (const _ of watcher);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: new URL('../../src/index.ts', import.meta.url).href,
  });
  t.deepEqual(await once(worker, 'message'), ['watches']);
  const objects = objectsOf(process.pid);
  t.true(objects.prog.size > 0);
  t.is(await worker.terminate(), 1);
  t.deepEqual(objectsOf(process.pid), { prog: new Set(), map: new Set(), link: new Set() });
  t.deepEqual(
    await settled(
      () => alive(objects),
      ({ length }) => length === 0,
    ),
    [],
  );
});
