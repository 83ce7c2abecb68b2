import { tmpdir } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { type AgentOptions, ends, SOCKFLOW, spawnAgent, startAgent, withAgent, within } from '../support/agent.ts';
import { exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { type Result, result } from '../support/processes.ts';
import { runClient, startServer } from '../support/workload.ts';

function run(args: readonly string[], options: AgentOptions = {}): Promise<Result> {
  return result(spawnAgent(args, options));
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** One line that says what was wrong; nothing on stdout, no stack trace. */
function isRefused(t: ExecutionContext, { code, stdout, stderr }: Result, expected: number, says: RegExp[]): void {
  t.is(code, expected, stderr);
  t.is(stdout, '');
  t.is(lines(stderr).length, 1, stderr);
  for (const pattern of says) t.regex(stderr, pattern);
}

const usage: { title: string; args: string[]; says: RegExp[] }[] = [
  { title: 'an unknown flag', args: ['--formt', 'json'], says: [/--formt/, /--format/] },
  { title: 'an unknown short flag', args: ['-q'], says: [/-q/] },
  { title: 'a bad endpoint', args: ['--otlp-endpoint', 'not a url'], says: [/--otlp-endpoint/, /not a url/] },
  {
    title: 'an endpoint of another scheme',
    args: ['--otlp-endpoint', 'ftp://127.0.0.1'],
    says: [/--otlp-endpoint/, /ftp/],
  },
  { title: 'a bad duration', args: ['--duration', 'soon'], says: [/--duration/, /soon/, /10s|500ms|5m/] },
  {
    title: 'a duration without a unit that makes sense',
    args: ['--duration', '10 parsecs'],
    says: [/--duration/, /parsecs/],
  },
  { title: 'a bad format', args: ['--format', 'jsn'], says: [/--format/, /jsn/, /json/] },
  { title: 'a bad event', args: ['--events', 'clos'], says: [/--events/, /clos/, /close/] },
  { title: 'an option without its value', args: ['--duration'], says: [/--duration/] },
];

for (const { title, args, says } of usage) {
  test.serial(`${title} is one clear line and exit code 2`, async (t) => {
    isRefused(t, await run(args), 2, says);
  });
}

test.serial('--help and --version answer on stdout and exit 0', async (t) => {
  const help = await run(['--help']);
  t.is(help.code, 0);
  t.is(help.stderr, '');
  t.regex(help.stdout, /--otlp-endpoint/);
  const version = await run(['--version']);
  t.is(version.code, 0);
  t.regex(version.stdout, /^(sockflow )?\d+\.\d+\.\d+\n$/);
});

/** Without any privilege: a root without capabilities, so that every file can still be read. */
const POWERLESS = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];

test.serial('root without capabilities: a clear line and exit code 1', async (t) => {
  isRefused(t, await run([], { through: POWERLESS }), 1, [/CAP_BPF|root/]);
});

test.serial('an ordinary user: a clear line and exit code 1', async (t) => {
  // Who may read all files, since the checkout may be closed to other users; nothing else.
  const reading = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'];
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...reading];
  isRefused(t, await run([], { through: nobody }), 1, [/CAP_BPF|root/]);
});

test.serial('a kernel without BTF: a clear line and exit code 1', async (t) => {
  const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"'];
  isRefused(t, await run([], { through: hidden }), 1, [/BTF/]);
});

test.serial('| head -1 ends it quietly with 0', async (t) => {
  await withNamespace(async (namespace) => {
    const server = await startServer(namespace);
    const through = ['bash', '-o', 'pipefail', '-c', '"$0" "$@" | head -1'];
    const child = spawnAgent(['--format', 'json'], { through });
    t.teardown(() => child.kill('SIGKILL'));
    const whole = result(child);
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    while (!ended) await runClient(namespace, { port: server.port, connections: 10 });
    const { code, stdout, stderr } = await whole;
    t.is(code, 0, stderr);
    t.is(lines(stdout).length, 1);
    t.deepEqual(
      lines(stderr).filter((line) => !line.startsWith('sockflow:')),
      [],
    );
  });
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test.serial(`${signal}: everything is written, one summary line, exit code 0`, async (t) => {
    await withNamespace(async (namespace) => {
      await withAgent(['--format', 'json'], async (agent) => {
        const { wanted } = await exchange(t, namespace, { connections: 101 });
        // At once: what the kernel has seen by now must come out, too.
        const { code, stderr, records } = await agent.stop(signal);
        t.is(code, 0);
        t.is(ends(within(namespace, records)).length, wanted.length);
        const [ready, summary, ...more] = lines(stderr);
        t.regex(ready ?? '', /^sockflow: ready/);
        t.regex(summary ?? '', /^sockflow: \d+ records/);
        t.deepEqual(more, []);
        const number = (name: string) => Number(new RegExp(`\\b${name} (\\d+)`).exec(summary ?? '')?.[1]);
        t.is(number('lost'), 0);
        t.is(number('opened'), number('closed') + number('live') + number('lost'), summary);
      });
    });
  });
}

test.serial('--duration ends it with 0 and a summary', async (t) => {
  const agent = await startAgent(['--format', 'json', '--duration', '1s']);
  const { code, summary } = await agent.ended();
  t.is(code, 0);
  t.regex(summary, /records/);
});

test.serial('runs from any working directory and through a symbolic link', async (t) => {
  const agent = await startAgent(['--duration', '100ms', '--format', 'json'], { cwd: '/' });
  t.is((await agent.ended()).code, 0);
  const link = `${tmpdir()}/sockflow-link-${process.pid}`;
  const script = `ln -s "$0" ${link} && ${link} "$@"; code=$?; rm ${link}; exit $code`;
  const { code } = await run(['--duration', '100ms'], { cwd: '/proc', through: ['sh', '-c', script] });
  t.is(code, 0);
});

test.serial('stdout carries records and nothing else; text is the default', async (t) => {
  await withNamespace(async (namespace) => {
    const server = await startServer(namespace);
    const child = spawnAgent(['--duration', '2s']);
    t.teardown(() => child.kill('SIGKILL'));
    const whole = result(child);
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    while (!ended) await runClient(namespace, { port: server.port, connections: 3 });
    const { code, stdout } = await whole;
    t.is(code, 0);
    t.true(lines(stdout).some((line) => /close\s+tcp-client\[\d+\]/.test(line)));
    t.false(stdout.includes('sockflow: ready'));
  });
});

test.serial('the program is where package.json says', async (t) => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
  t.true(SOCKFLOW.endsWith(manifest.bin.sockflow));
});
