/** `--format pcapng` as Wireshark reads it: a real tshark, with the plugin, without it, and with sockflow as an interface. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, copyFileSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cleanEnvironment, type JsonRecord, only, SOCKFLOW, spawnAgent } from '../support/agent.ts';
import { withNamespace } from '../support/netns.ts';
import { inTime, output, result } from '../support/processes.ts';
import { recordVaried } from '../support/record-varied.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { runAttempts } from '../support/workload.ts';

const PLUGINS = join(import.meta.dirname, '../../wireshark');
const plugin = ['-X', `lua_script:${join(PLUGINS, 'sockflow.lua')}`];

function tshark(...args: readonly string[]): string {
  return execFileSync('tshark', ['-n', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
}

interface Files {
  readonly directory: string;
  readonly recording: string;
  readonly capture: string;
  readonly records: readonly JsonRecord[];
}

async function replayed(t: ExecutionContext): Promise<Files> {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const recording = join(directory, 'recording');
  const capture = join(directory, 'events.pcapng');
  await recordVaried(recording);
  chmodSync(recording, 0o644);
  const fd = openSync(capture, 'w');
  const toFile = await result(spawnAgent(['replay', recording, '--format', 'pcapng'], { stdout: fd }));
  closeSync(fd);
  t.regex(toFile.stderr, /, sent 3, unsent 0, lost 0/);
  const json = await output(spawnAgent(['replay', recording, '--format', 'json']), 'replay');
  const records = json
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonRecord);
  return { directory, recording, capture, records };
}

test.serial('without the plugin an event is JSON under the addresses of its connection', async (t) => {
  const { capture, records } = await replayed(t);
  const columns = ['-o', 'gui.column.format:"s","%s","d","%d","t","%Yut","p","%p"'];
  t.deepEqual(
    tshark('-r', capture, ...columns)
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+(?:→\s+)?/)),
    [
      ['10.0.0.1', '192.0.2.9', '2023-11-14', '22:13:20.123456789', 'sockflow/JSON'],
      ['2001:db8::2', 'fe80::1', '2023-11-14', '22:13:21.000000001', 'sockflow/JSON'],
      ['fe80::1', '2001:db8::2', '2023-11-14', '22:13:22.000000000', 'sockflow/JSON'],
    ],
  );
  const paths = tshark('-r', capture, '-T', 'fields', '-e', 'json.path_with_value').split('\n');
  for (const [index, { resource, attributes }] of records.entries()) {
    const all = [...Object.keys(resource), ...Object.keys(attributes)];
    t.true(all.length > 15);
    for (const key of all) t.true(paths[index]?.includes(`/${key}:`), key);
  }
});

/** As tshark prints a value. */
function printed(value: unknown): string {
  if (Array.isArray(value)) return value.map(printed).join(',');
  return typeof value === 'boolean' ? String(Number(value)) : String(value);
}

test.serial('with the plugin each attribute is a field that has its value', async (t) => {
  const { capture, records } = await replayed(t);
  for (const [index, { resource, attributes }] of records.entries()) {
    const all = Object.entries({ ...resource, ...attributes });
    const fields = all.flatMap(([key]) => ['-e', key.startsWith('sockflow.') ? key : `sockflow.${key}`]);
    const line = tshark(
      ...plugin,
      '-r',
      capture,
      '-Y',
      `frame.number == ${index + 1}`,
      '-T',
      'fields',
      '-E',
      'separator=/t',
      ...fields,
    );
    const values = line.replace(/\n$/, '').split('\t');
    t.deepEqual(
      Object.fromEntries(all.map(([key], at) => [key, values[at]])),
      // tshark writes a tab as two characters.
      Object.fromEntries(all.map(([key, value]) => [key, printed(value).replace('\t', '\\t')])),
    );
  }
});

test.serial('filters find by either end, whole addresses of IPv6 too, and by numbers', async (t) => {
  const { capture } = await replayed(t);
  const found = (filter: string) =>
    tshark(...plugin, '-r', capture, '-Y', filter, '-T', 'fields', '-e', 'frame.number')
      .trim()
      .split('\n')
      .filter(Boolean)
      .join();
  t.is(found('sockflow'), '1,2,3');
  t.is(found('sockflow.ipv4 == 192.0.2.0/24'), '1');
  t.is(found('sockflow.ipv6 == 2001:db8::2'), '2,3');
  t.is(found('sockflow.ipv6 == 2001:db8::3'), '');
  t.is(found('sockflow.port == 8080'), '2');
  t.is(found('sockflow.error.type == "connection_refused"'), '3');
  t.is(found('sockflow.connection.received.bytes > 1152921504606846975'), '1');
  t.is(found('sockflow.tcp.rtt.smoothed >= 0.0015'), '1');
  t.is(found('sockflow.process.pid == 70'), '1,2');
});

test.serial('the list of packets says event, process and what matters', async (t) => {
  const { capture } = await replayed(t);
  const infos = tshark(...plugin, '-r', capture, '-T', 'fields', '-e', '_ws.col.Info')
    .trim()
    .split('\n');
  t.regex(infos[0] ?? '', /^close caddy\[70\] 123ms ↑5 /);
  t.regex(infos[2] ?? '', /^failed - connection_refused/);
});

test.serial('a terminal is told what to do instead of getting bytes', async (t) => {
  const { recording } = await replayed(t);
  const command = `${SOCKFLOW} replay ${recording} --format pcapng`;
  const { code, stdout } = await result(
    spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  t.is(code, 2);
  t.regex(stdout, /^sockflow: --format pcapng expects a file or a pipe as stdout, such as: sockflow --format pcapng >/);
});

/** The user that Wireshark is, as a rule; root's extcaps are those of the system alone. */
const asUser = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** A user may not read the checkout, so what replays is what root has started before. */
test.serial('sockflow is an interface of Wireshark, whose settings are options', async (t) => {
  const { directory, capture } = await replayed(t);
  copyFileSync(join(PLUGINS, 'sockflow-extcap'), join(directory, 'sockflow-extcap'));
  const asked = join(directory, 'asked');
  writeFileSync(asked, '');
  chmodSync(asked, 0o666);
  const program = join(directory, 'stand-in');
  writeFileSync(program, `#!/bin/sh\necho "$@" >${asked}\nexec cat ${capture}\n`, { mode: 0o755 });
  const env = {
    ...cleanEnvironment(),
    WIRESHARK_EXTCAP_DIR: directory,
    HOME: directory,
    SOCKFLOW: program,
  };
  const run = async (...args: readonly string[]) => {
    const [file = '', ...rest] = [...asUser, 'tshark', '-n', ...args];
    return inTime(
      result(spawn(file, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })),
      () => `no end of tshark ${args}`,
    );
  };
  t.regex((await run('-D')).stdout, /\d+\. sockflow \(Connections of this host, by process/);
  const live = await run(
    '-i',
    'sockflow',
    '-o',
    'extcap.sockflow.filter:proc=caddy',
    '-c',
    '3',
    '-T',
    'fields',
    '-e',
    'json.value.string',
  );
  t.is(live.stdout.trim().split('\n').length, 3, live.stderr);
  t.is(execFileSync('cat', [asked], { encoding: 'utf8' }), '--format pcapng --filter proc=caddy\n');
});

const REFUSED = 7;

test.serial('what happens on this host, by the interface and through its pipe', async (t) => {
  await withNamespace(async (namespace) => {
    const fifo = join(temporaryDirectory(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const env = { ...cleanEnvironment(), SOCKFLOW: `${SOCKFLOW} ${only(namespace).join(' ')}` };
    const extcap = spawn(
      join(PLUGINS, 'sockflow-extcap'),
      ['--extcap-interface', 'sockflow', '--capture', '--fifo', fifo, '--events', 'failed'],
      {
        env,
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    );
    t.teardown(() => extcap.kill('SIGKILL'));
    const reader = spawn('tshark', [
      ...plugin,
      '-n',
      '-l',
      '-r',
      fifo,
      '-T',
      'fields',
      '-e',
      'sockflow.error.type',
      '-e',
      'sockflow.process.pid',
    ]);
    t.teardown(() => reader.kill('SIGKILL'));
    const read = result(reader);
    const ended = result(extcap);
    await Promise.race([once(extcap.stderr, 'data'), ended]);
    const { pid } = await runAttempts(namespace, 'refused', { count: REFUSED });
    extcap.kill('SIGTERM');
    const { code, stderr } = await inTime(ended, () => 'no end of sockflow');
    t.is(code, 0, stderr);
    const { stdout } = await inTime(read, () => 'no end of tshark');
    t.deepEqual(stdout.trim().split('\n'), Array(REFUSED).fill(`connection_refused\t${pid}`));
  });
});
