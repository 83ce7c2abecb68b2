import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
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

/** Where each is run; what is not has its reason. A new file that nobody has thought of is in neither. */
const run: Readonly<Record<string, string>> = {
  '01-terminal.sh': 'e2e/examples.test.ts',
  '02-failures.sh': 'e2e/examples.test.ts',
  '03-collector.sh': 'e2e/examples.test.ts',
  '04-library.ts': 'integration/library.test.ts',
  '05-library.c': 'integration/library-c.test.ts',
  '06-go': 'integration/library-c.test.ts',
  '07-ntopng.sh': 'e2e/examples.test.ts',
  '08-stack/alerts.test.yaml': 'integration/stack.test.ts',
  '08-stack/alerts.yaml': 'integration/stack.test.ts',
  '08-stack/collector.yaml': 'support/dashboard-stack.ts',
  '08-stack/prometheus.yaml': 'support/dashboard-stack.ts',
  '09-two-hosts.sh': 'integration/two-hosts.test.ts',
  'collector-kubernetes.yaml': 'integration/collector.test.ts',
  'collector-regroup.yaml': 'integration/collector.test.ts',
  'collector-host.yaml': 'integration/collector.test.ts',
  'kubernetes-sidecar.yaml': 'integration/kubernetes-examples.test.ts',
  'kubernetes.yaml': 'support/kubernetes-example.ts',
};

/** Each says so itself, or in the README beside it. */
const notRun = [
  '08-stack/collector-loki.yaml',
  '08-stack/compose.yaml',
  '08-stack/grafana-dashboards.yaml',
  '08-stack/grafana-datasources.yaml',
];

const read = (...path: string[]) => readFileSync(join(EXAMPLES, ...path), 'utf8');

/** Files below examples/; a Go module counts as one. */
function exampleFiles(): string[] {
  const entries = readdirSync(EXAMPLES, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(EXAMPLES, join(parentPath, name)));
  return [...new Set(files.map((file) => file.replace(/^06-go\/.*/, '06-go')))].filter(
    (file) => !file.endsWith('README.md'),
  );
}

test('every example is listed, and run or named as not run', (t) => {
  t.deepEqual(exampleFiles().sort(), [...Object.keys(run), ...notRun].sort());
  const listed = [...read('README.md').matchAll(/\]\((?!\.\.)([^)]+)\)/g)].map(([, file = '']) => file);
  t.deepEqual(listed.sort(), [...new Set(exampleFiles().map((file) => file.replace(/\/.*/, '')))].sort());
  for (const [file, by] of Object.entries(run)) {
    const text = readFileSync(join(EXAMPLES, '../test', by), 'utf8');
    t.true(text.includes(basename(file)) || text.includes(basename(file, '.sh')), `${by} runs ${file}`);
  }
  for (const file of notRun) {
    const line =
      read('08-stack/README.md')
        .split('\n')
        .find((one) => one.includes(`(${basename(file)})`)) ?? '';
    t.regex(line, /not run/, file);
  }
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
