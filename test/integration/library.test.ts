/** The package for programs, as it is published: its types, and the example that uses it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cleanEnvironment } from '../support/agent.ts';
import { withNamespace } from '../support/netns.ts';
import { installPackage } from '../support/package.ts';
import { inTime, result } from '../support/processes.ts';
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
