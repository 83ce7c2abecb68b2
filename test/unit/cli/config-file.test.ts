import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse as parseYaml } from 'yaml';
import { entries, type Options, optionName } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

type Env = Record<string, string>;

function fileOf(t: ExecutionContext, text: string): string {
  const file = join(temporaryDirectory(t), 'sockflow.yaml');
  writeFileSync(file, text);
  return file;
}

function options(tokens: readonly string[], env: Env = {}): Options {
  const command = parseCommandLine(tokens, env);
  if (command.action !== 'run') throw new Error(command.action);
  return command.options;
}

function shown(tokens: readonly string[], env: Env = {}): string {
  const command = parseCommandLine(['config', ...tokens], env);
  if (command.action !== 'print') throw new Error(command.action);
  return command.text;
}

const whole = `# a comment
tcp: true
interval: 5s
max-connections: 4096
events: [open, close]
filter: proc=nginx !failed
otlp-endpoint: http://collector:4317
otlp-header:
  authorization: "Bearer x=y"
attribute: [env=prod, team=blue]
cidr-name:
  10.0.0.0/8: corp
docker: false
`;

test('every kind of option, by the names of the command line', (t) => {
  t.like(options(['--config', fileOf(t, whole)]), {
    tcp: true,
    interval: 5_000,
    maxConnections: 4096,
    events: ['open', 'close'],
    otlpEndpoint: 'http://collector:4317',
    otlpHeader: { authorization: 'Bearer x=y' },
    attribute: { env: 'prod', team: 'blue' },
    cidrName: [{ address: '10.0.0.0', length: 8, name: 'corp' }],
    docker: false,
    logs: true,
  });
});

test('a flag wins over a variable, that over the file, that over OTEL_*', (t) => {
  const config = ['--config', fileOf(t, 'interval: 5s\nlog-level: warn\n')];
  const otel = { OTEL_LOG_LEVEL: 'debug' };
  t.is(options(['--log-level', 'error', ...config], { ...otel, SOCKFLOW_LOG_LEVEL: 'info' }).logLevel, 'error');
  t.is(options(config, { ...otel, SOCKFLOW_LOG_LEVEL: 'info' }).logLevel, 'info');
  t.is(options(config, otel).logLevel, 'warn');
  t.is(options([], otel).logLevel, 'debug');
  t.is(options(config).interval, 5_000);
});

test('the file may be named by a variable, and may be empty', (t) => {
  t.is(options([], { SOCKFLOW_CONFIG: fileOf(t, 'interval: 7s') }).interval, 7_000);
  t.is(options(['--config', fileOf(t, '# nothing\n')]).interval, 10_000);
});

const refuses = test.macro<[string, RegExp]>({
  exec(t, text, message) {
    const file = fileOf(t, text);
    const error = t.throws(() => options(['--config', file]), { instanceOf: UsageError });
    const said = error?.message.replaceAll(file, 'FILE') ?? '';
    t.regex(said, message);
    t.notRegex(said, /\n/);
  },
  title: (_, text) => `refused: ${JSON.stringify(text)}`,
});

test(
  refuses,
  'tcp: true\notlp-endpont: x\n',
  /^FILE:2:1: otlp-endpont is not an option; did you mean otlp-endpoint\?$/,
);
test(refuses, 'xyzzyxyzzy: 1', /^FILE:1:1: xyzzyxyzzy is not an option; sockflow --help lists them$/);
test(refuses, '\n  interval: soon', /^FILE:2:3: interval expects a time such as .*, not "soon"$/);
test(refuses, 'interval: 10', /^FILE:1:1: interval expects a time/);
test(refuses, 'interval: {a: b}', /^FILE:1:11: interval expects a time/);
test(refuses, 'interval:', /^FILE:1:\d+: interval expects a time/);
test(refuses, 'events: [open, [close]]', /^FILE:1:9: events expects some of/);
test(refuses, 'filter: prc=x', /^FILE:1:1: filter: prc= is none of its words; did you mean proc\?$/);
test(refuses, 'tcp: maybe', /^FILE:1:1: tcp expects true or false, not "maybe"$/);
test(refuses, 'tcp: true\ntcp: false', /^FILE:2:1: .*unique/i);
test(refuses, 'a: [1,\n', /^FILE:\d+:\d+: /);
test(refuses, '- tcp', /^FILE:1:1: expects options, such as interval: 10s$/);
test(refuses, 'config: other.yaml', /^FILE:1:1: config is not an option/);
test(refuses, 'columns: [time, per]', /^FILE:1:1: columns: there is no column per; did you mean peer\?$/);
test(refuses, 'user: nosuch', /^FILE:1:1: user expects a user of /);
test(refuses, 'otlp-header: secret', /^FILE:1:1: otlp-header expects [^"]*$/);

test('a file that is not there, or is none, is one sentence', (t) => {
  t.throws(() => options(['--config', '/nonexistent/x']), {
    instanceOf: UsageError,
    message: /^--config \/nonexistent\/x: ENOENT/,
  });
  t.throws(() => options(['--config', '/etc']), { instanceOf: UsageError, message: /^--config \/etc: EISDIR/ });
});

test('config shows each value and where it is from, and what it shows is a configuration of the same', (t) => {
  const file = fileOf(t, whole.replace(/otlp-header:\n.*\n/, ''));
  const text = shown(['--config', file, '-c'], { SOCKFLOW_FLOW_IDLE: '30s' });
  t.regex(text, /^close: true +# --close$/m);
  t.regex(text, /^flow-idle: 30s +# SOCKFLOW_FLOW_IDLE$/m);
  t.regex(text, new RegExp(`^interval: 5s +# ${file}:3:1: interval$`, 'm'));
  t.regex(text, /^# ring-size: 16MiB +# default$/m);
  t.regex(text, /^# duration: +# not set$/m);
  const again = options(['--config', fileOf(t, text)]);
  const before = options(['--config', file, '-c', '--flow-idle', '30s']);
  const plain = ({ config: _, filter, ...rest }: Options) => ({ ...rest, filter: typeof filter });
  t.deepEqual(plain(again), plain(before));
});

test('what may be secret is not shown', (t) => {
  const text = shown(['--otlp-endpoint', 'http://c:4317', '--otlp-header', 'authorization=hush'], {
    OTEL_EXPORTER_OTLP_HEADERS: 'a=hush',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'a=hush',
    OTEL_SERVICE_NAME: 'me',
  });
  t.notRegex(text, /hush/);
  t.regex(text, /^# otlp-header: \(hidden\) +# --otlp-header$/m);
  t.regex(text, /^# {3}OTEL_EXPORTER_OTLP_HEADERS=\(hidden\)$/m);
  t.regex(text, /^# {3}OTEL_SERVICE_NAME=me$/m);
});

test('config refuses what the agent would', (t) => {
  t.throws(() => shown(['--interval', 'soon']), { instanceOf: UsageError });
});

test('the schema knows every option that a file may have, and nothing else', (t) => {
  const schema = JSON.parse(shown(['--schema']));
  const names = entries.map(([key]) => optionName(key)).filter((name) => name !== 'config');
  t.deepEqual(Object.keys(schema.properties).toSorted(), names.toSorted());
  t.is(schema.additionalProperties, false);
  t.deepEqual(schema.properties.format.enum, ['text', 'json', 'pcapng', 'none']);
  t.is(schema.properties.tcp.type, 'boolean');
  for (const name of Object.keys(parseYaml(whole))) t.true(name in schema.properties, name);
});
