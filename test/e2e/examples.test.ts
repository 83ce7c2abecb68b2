import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cleanEnvironment, ends, type JsonRecord, within } from '../support/agent.ts';
import { readLogs, startCollector } from '../support/collector.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { result } from '../support/processes.ts';
import { field, Subscriber } from '../support/subscriber.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { runAttempts } from '../support/workload.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
const REFUSED = 7;

/** Runs an example for a few seconds; once it is ready, seven connects are refused. */
async function during(t: ExecutionContext, file: string, namespace: Namespace, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(join(EXAMPLES, file), ['4s'], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const whole = result(child);
  await new Promise<void>((resolve) => {
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.includes('sockflow: ready')) resolve();
    });
    child.once('exit', () => resolve());
  });
  await runAttempts(namespace, 'refused', { count: REFUSED });
  const { code, stdout, stderr } = await whole;
  t.is(code, 0, stderr);
  return stdout;
}

test.serial('every example is listed and tested', (t) => {
  const files = readdirSync(EXAMPLES).filter((file) => /^\d\d-/.test(file));
  const listed = [...readFileSync(join(EXAMPLES, 'README.md'), 'utf8').matchAll(/\]\((\d\d-[^)]+)\)/g)].map(
    ([, file]) => file,
  );
  t.deepEqual(listed.sort(), files.sort());
  // 04: library.test.ts; 05 and 06: library-c.test.ts.
  t.deepEqual(files, [
    '01-terminal.sh',
    '02-failures.sh',
    '03-collector.sh',
    '04-library.ts',
    '05-library.c',
    '06-go',
    '07-ntopng.sh',
  ]);
});

test.serial('01-terminal shows lines', async (t) => {
  await withNamespace(async (namespace) => {
    const stdout = await during(t, '01-terminal.sh', namespace);
    t.true(
      stdout.split('\n').filter((line) => /FAIL\s+attempts\[\d+\].*connection_refused/.test(line)).length >= REFUSED,
    );
  });
});

test.serial('02-failures shows failed connects and nothing else, as JSON', async (t) => {
  await withNamespace(async (namespace) => {
    const stdout = await during(t, '02-failures.sh', namespace);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonRecord);
    t.true(records.every(({ event_name }) => event_name === 'sockflow.connection.failed'));
    t.is(ends(within(namespace, records)).length, REFUSED);
  });
});

test.serial('03-collector sends to a Collector', async (t) => {
  await withNamespace(async (namespace) => {
    const collector = await startCollector({ directory: temporaryDirectory(t) });
    t.teardown(() => collector.kill());
    await during(t, '03-collector.sh', namespace, { COLLECTOR: `http://127.0.0.1:${collector.grpcPort}` });
    await collector.stop();
    const failed = readLogs(collector.logsFile).filter(
      ({ eventName, attributes }) =>
        eventName === 'sockflow.connection.failed' && attributes['sockflow.network.namespace'] === namespace.inode,
    );
    t.is(failed.length, REFUSED);
  });
});

test.serial('07-ntopng sends flows to an ntopng', async (t) => {
  await withNamespace(async (namespace) => {
    const subscriber = await Subscriber.start(undefined, 'tcp://127.0.0.1:*', '--bind', 'flow', 'event');
    t.teardown(() => subscriber.kill());
    await during(t, '07-ntopng.sh', namespace, { NTOPNG: `${subscriber.endpoint}c` });
    await subscriber.stop();
    const ofAttempts = subscriber.flows((flow) => String(flow[field.sourceName]).endsWith('/attempts'));
    t.true(ofAttempts.length >= REFUSED);
  });
});
