/** The package for programs: as it is published, and what it promises of the kernel's events. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { type ConnectionEventRecord, type Watcher, watch } from '../../src/index.ts';
import { cleanEnvironment } from '../support/agent.ts';
import { alive, objectsOf } from '../support/bpf.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { installPackage } from '../support/package.ts';
import { inTime, result, settled } from '../support/processes.ts';
import { removeDirectory, sharedDirectory } from '../support/temporary.ts';
import { runAttempts, runClient, startServer } from '../support/workload.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const CONNECTIONS = 13;
const REFUSED = 7;

let directory = '';
test.before('the package is made and installed', () => {
  directory = sharedDirectory();
  installPackage(directory);
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
});
test.after.always(() => removeDirectory(directory));

test.serial('the types are those that a program needs, as strictly as one may look at them', (t) => {
  copyFileSync(join(EXAMPLES, '04-library.ts'), join(directory, 'example.ts'));
  writeFileSync(
    join(directory, 'wrong.ts'),
    `import { watch } from 'sockflow';
const watcher = await watch({ interval: '5s', cidrName: { '10.0.0.0/8': 'corp' } });
for await (const record of watcher) {
  // @ts-expect-error: no event is called so
  if (record.event === 'opened') continue;
  // @ts-expect-error: a look-up has no bytes
  console.log(record.sentBytes);
  // @ts-expect-error: it is read only
  if (record.event !== 'dns') record.peerPort = 1;
}
// @ts-expect-error: there is no such option
await watch({ intervall: 5 });
`,
  );
  const strict = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const files = ['example.ts', 'wrong.ts'];
  const { status, stdout } = run('tsc', [...strict, '--skipLibCheck', 'false', ...files]);
  t.is(stdout, '');
  t.is(status, 0);
});

function run(file: string, args: readonly string[]) {
  try {
    return { status: 0, stdout: execFileSync(file, args, { cwd: directory, encoding: 'utf8' }) };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { status, stdout };
  }
}

/** Starts the example; resolves when it watches. */
async function startExample(t: ExecutionContext, through: readonly string[] = []) {
  const command = [...through, process.execPath, join(directory, 'example.ts')];
  const child = spawn(command[0] as string, command.slice(1), {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const whole = result(child);
  await Promise.race([once(child.stderr, 'data'), whole]);
  return { child, ended: inTime(whole, () => 'no end of the example') };
}

test.serial('04-library tells of connections and of failures, with their processes', async (t) => {
  await withNamespace(async (namespace) => {
    const { child, ended } = await startExample(t);
    const server = await startServer(namespace);
    const client = await runClient(namespace, { port: server.port, connections: CONNECTIONS });
    await server.stop();
    const attempts = await runAttempts(namespace, 'refused', { count: REFUSED });
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    t.is(code, 0, stderr);
    t.regex(stderr, /^Linux \S+, watching tcp and udp/);
    const lines = stdout.trim().split('\n');
    const expected = client.connections.map(
      ({ sent, received }) => `tcp-client[${client.pid}] 127.0.0.1 ${server.port} sent ${sent} received ${received}`,
    );
    t.deepEqual(lines.filter((line) => line.startsWith(`tcp-client[${client.pid}]`)).toSorted(), expected.toSorted());
    const refused = `attempts[${attempts.pid}] 127.0.0.1 ${attempts.port} connection_refused`;
    t.is(lines.filter((line) => line === refused).length, REFUSED);
  });
});

test.serial('without the rights that it needs, it says which and what to do, and nothing else', async (t) => {
  const { ended } = await startExample(t, ['setpriv', '--bounding-set=-all', '--inh-caps=-all']);
  const { code, stdout, stderr } = await ended;
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^cannot start: missing CAP_BPF.*; run as root, or grant these capabilities\n$/);
});

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
