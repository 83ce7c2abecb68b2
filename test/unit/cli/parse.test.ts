import test from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { parse, refuses } from '../../support/command-line.ts';

test('without arguments: text, everything on that needs nothing', (t) => {
  const options = parse('');
  t.like(options, { format: 'text', logs: false, metrics: false, snapshot: true, tcp: false });
  t.like(options, { shutdownTimeout: 10_000, interval: 10_000, queueSize: 64 * 2 ** 20, logLevel: 'info' });
  t.is(options.duration, undefined);
});

test('short options combine', (t) => {
  t.like(parse('-tio'), { tcp: true, in: true, out: true, close: false });
  t.like(parse('-rcv'), { retransmits: true, close: true, verbose: true });
});

test("the ancestor's long names hold", (t) => {
  t.like(parse('--on --tcpclose --retr'), { out: true, close: true, retransmits: true });
});

test('what is said last counts', (t) => {
  t.is(parse('--metrics --no-metrics --otlp-endpoint http://x').metrics, false);
  t.is(parse('--no-snapshot --snapshot').snapshot, true);
  t.is(parse('--duration 1s --duration=2s').duration, 2000);
  t.is(parse('-t --tcp=false').tcp, false);
});

test('repeatable options add up', (t) => {
  const options = parse('--otlp-header a=1 --otlp-header b=x=y --attribute tenant=blue');
  t.deepEqual(options.otlpHeader, { a: '1', b: 'x=y' });
  t.deepEqual(options.attribute, { tenant: 'blue' });
});

const local = { address: 'tcp://127.0.0.1:1234', connects: false };

test("ntopng's endpoints as the ancestor had them, alone or behind flags", (t) => {
  for (const line of [
    '-z tcp://127.0.0.1:1234',
    '-ztcp://127.0.0.1:1234',
    '-z=tcp://127.0.0.1:1234',
    '--zmq tcp://127.0.0.1:1234',
    '--zmq=zmq://127.0.0.1:1234',
  ])
    t.like(parse(line), { zmq: [local], format: 'none', zmqFormat: 'tlv', zmqContainer: 'id' }, line);
  const flags = { tcp: true, in: true, out: true };
  t.like(parse('-tioz tcp://127.0.0.1:1234'), { ...flags, zmq: [local] });
  t.like(parse('-tio -z tcp://127.0.0.1:1234 -v --format json'), {
    ...flags,
    zmq: [local],
    verbose: true,
    format: 'json',
  });
});

test('a c at the end turns the roles around, and there may be several', (t) => {
  const other = { address: 'tcp://[::1]:5', connects: true };
  t.deepEqual(parse('-z tcp://127.0.0.1:1234 --zmq tcp://[::1]:5c').zmq, [local, other]);
  t.deepEqual(parse('-z tcp://127.0.0.1:1234,tcp://[::1]:5c').zmq, [local, other]);
  t.deepEqual(parse('', { SOCKFLOW_ZMQ: 'tcp://127.0.0.1:1234,tcp://[::1]:5c' }).zmq, [local, other]);
  t.deepEqual(parse('-z tcp://*:1 -z tcp://probe.example:65535c').zmq, [
    { address: 'tcp://*:1', connects: false },
    { address: 'tcp://probe.example:65535', connects: true },
  ]);
});

test("ntopng's key as its file has it and as its pages show it", (t) => {
  const key = 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7';
  const hex = Buffer.from(key).toString('hex');
  for (const text of [key, hex, hex.toUpperCase()])
    t.is(parse(`-z tcp://a:1 --zmq-encryption-key ${text}`).zmqEncryptionKey, key);
});

test('networks and their names, and files, add up', (t) => {
  const options = parse('--cidr-name 10.0.0.0/8=corp --cidr-name 2001:db8::/32=lab=1 --geoip a.mmdb --geoip b.mmdb');
  t.deepEqual(options.cidrName, [
    { family: 'ipv4', address: '10.0.0.0', length: 8, name: 'corp' },
    { family: 'ipv6', address: '2001:db8::', length: 32, name: 'lab=1' },
  ]);
  t.deepEqual(options.geoip, ['a.mmdb', 'b.mmdb']);
  t.deepEqual(parse('', { SOCKFLOW_GEOIP: 'a.mmdb,b.mmdb' }).geoip, ['a.mmdb', 'b.mmdb']);
  t.like(parse(''), { cidrName: [], geoip: [] });
});

test('the options are frozen, their parts too', (t) => {
  const options = parse('--attribute a=b --events open');
  t.true(Object.isFrozen(options));
  t.true(Object.isFrozen(options.attribute));
  t.true(Object.isFrozen(options.events));
});

test('with an endpoint stdout is silent, and logs and metrics are on', (t) => {
  const endpoint = '--otlp-endpoint http://localhost:4317';
  t.like(parse(endpoint), { format: 'none', logs: true, metrics: true });
  t.like(parse(`${endpoint} --format json --no-metrics`), { format: 'json', logs: true, metrics: false });
});

test('an endpoint in OTEL_* counts, for its signal', (t) => {
  t.like(parse('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' }), { format: 'none', logs: true, metrics: true });
  t.like(parse('', { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://c:4317' }), { logs: true, metrics: false });
  t.like(parse('', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4317' }), { logs: false, metrics: true });
  t.like(parse('', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), { format: 'text', logs: false });
  t.like(parse('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_SDK_DISABLED: 'true' }), {
    logs: false,
    metrics: false,
  });
  t.like(parse('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_LOGS_EXPORTER: 'none' }), { logs: false });
  t.like(parse('--logs', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_LOGS_EXPORTER: 'none' }), {
    logs: true,
  });
});

test('a flag wins over SOCKFLOW_*, that over OTEL_*, that over the default', (t) => {
  const otel = { OTEL_METRIC_EXPORT_INTERVAL: '5000' };
  const both = { ...otel, SOCKFLOW_METRIC_INTERVAL: '7s' };
  t.is(parse('').metricInterval, 60_000);
  t.is(parse('', otel).metricInterval, 5000);
  t.is(parse('', both).metricInterval, 7000);
  t.is(parse('--metric-interval 9s', both).metricInterval, 9000);
});

test('spans are sent when they are asked for', (t) => {
  const endpoint = '--otlp-endpoint http://c:4317';
  const otel = { OTEL_TRACES_EXPORTER: 'otlp' };
  t.false(parse(endpoint).traces);
  t.true(parse(`${endpoint} --traces`).traces);
  t.true(parse(endpoint, otel).traces);
  t.false(parse(`${endpoint} --no-traces`, otel).traces);
  t.false(parse(endpoint, { ...otel, OTEL_SDK_DISABLED: 'true' }).traces);
});

test('without names of containers there are none of pods, unless those are asked for', (t) => {
  t.is(parse('').kubernetes, 'auto');
  t.is(parse('--no-docker').kubernetes, 'none');
  t.is(parse('', { SOCKFLOW_DOCKER: 'false' }).kubernetes, 'none');
  for (const kubernetes of ['auto', 'api', 'kubelet', 'none'] as const)
    t.is(parse(`--no-docker --kubernetes ${kubernetes}`).kubernetes, kubernetes);
  for (const asked of [
    '--kubernetes-peers',
    '--kubeconfig k',
    '--pod-labels a',
    '--pod-annotations a',
    '--kubelet-endpoint http://k',
    '--kubelet-certificate k',
  ])
    t.like(parse(`--no-docker ${asked}`), { kubernetes: 'auto', docker: false });
  t.is(parse('--no-docker', { SOCKFLOW_KUBERNETES: 'api' }).kubernetes, 'api');
  t.is(parse('--no-docker --node-name n').kubernetes, 'none');
});

test('every kind of option has a variable', (t) => {
  const options = parse('', {
    SOCKFLOW_CLOSE: '1',
    SOCKFLOW_SNAPSHOT: 'false',
    SOCKFLOW_EVENTS: 'open, close',
    SOCKFLOW_ATTRIBUTE: 'a=1,b=2',
    SOCKFLOW_FORMAT: 'json',
    SOCKFLOW_DURATION: '',
  });
  t.like(options, { close: true, snapshot: false, format: 'json', duration: undefined });
  t.deepEqual(options.events, ['open', 'close']);
  t.deepEqual(options.attribute, { a: '1', b: '2' });
});

test('a variable that looks mistyped is worth a warning; those of Kubernetes are not', (t) => {
  const env = { SOCKFLOW_OTLP_ENDPONT: 'x', SOCKFLOW_SERVICE_HOST: '10.0.0.1', SOCKFLOW_PORT: 'tcp://10.0.0.1:1' };
  const command = parseCommandLine([], env);
  t.deepEqual(command.action === 'run' && command.warnings, [
    'SOCKFLOW_OTLP_ENDPONT is not a setting; did you mean SOCKFLOW_OTLP_ENDPOINT?',
  ]);
});

test('help wins over everything else that was typed', (t) => {
  t.is(parseCommandLine(['--nonsense', '--help'], {}).action, 'help');
  t.is(parseCommandLine(['-th'], {}).action, 'help');
  t.is(parseCommandLine(['--version'], {}).action, 'version');
});

test(refuses, '--otlp-endpont http://x', '--otlp-endpont is not an option; did you mean --otlp-endpoint?');
test(refuses, '--durration=5s', '--durration is not an option; did you mean --duration?');
test(refuses, '--xyzzy', '--xyzzy is not an option; sockflow --help lists them');
test(refuses, '-tx', '-x (in "-tx") is not an option; sockflow --help lists them');
test(refuses, '-t5', /^-5 \(in "-t5"\) is not an option/);
test(refuses, '---tcp', /^---tcp is not an option/);
test(refuses, '--t', /^--t is not an option/);
test(refuses, '--no-tcp', /^--no-tcp is not an option/);
test(refuses, '--__proto__=1', /^--__proto__ is not an option/);
test(refuses, 'tcp', '"tcp" is not expected; did you mean --tcp?');
test(refuses, '-- -t', /^"-t" is not expected/);
test(refuses, '-', /^"-" is not expected/);
test(refuses, '--tcp=maybe', '--tcp expects no value, or =true or =false, not "maybe"');
test(refuses, '--no-snapshot=true', '--no-snapshot takes no value, but "true" came');
test(refuses, '--duration', '--duration expects a time such as 500ms, 10s, 5m or 1h; none came');
test(refuses, '--duration --tcp', /^--duration expects a time .*; none came$/);
test(refuses, '--duration -5s', /^--duration expects a time .*, not "-5s"$/);
test(refuses, '--duration=', /^--duration expects a time .*, not ""$/);
test(refuses, '--duration soon', '--duration expects a time such as 500ms, 10s, 5m or 1h, not "soon"');
test(refuses, '--format yaml', '--format expects one of text, json, pcapng, none, not "yaml"');
test(refuses, '--events open,shut', /^--events expects some of open,update,.*, not "open,shut"$/);
test(refuses, '--queue-size 1', /^--queue-size expects a size/);
test(refuses, '--ring-size 3MiB', /^--ring-size expects a power of two/);
test(refuses, '--max-connections many', /^--max-connections expects a whole number/);
test(refuses, '--attribute novalue', /^--attribute expects a name and a value/);
for (const key of ['host.name', 'service.name', 'process.pid', 'telemetry.distro.name', 'process.executable.name'])
  test(
    refuses,
    `--attribute a=b --attribute ${key}=x`,
    `--attribute: ${key} is observed of each host or process, and not for you to say; choose another name`,
  );
for (const pair of ['corp', '10.0.0.0/8', '10.0.0.0/8=', '10.0.0.0/33=x', '10/8=corp', '=corp'])
  test(
    refuses,
    `--cidr-name ${pair}`,
    `--cidr-name expects a network and its name such as 10.0.0.0/8=corp or 2001:db8::/32=lab, not "${pair}"`,
  );
test(refuses, '--geoip=', '--geoip expects the name of a file; none came');
test(refuses, '--otlp-endpoint localhost:4317', /^--otlp-endpoint expects a URL such as .*, not "localhost:4317"$/);
test(refuses, '--otlp-endpoint http://c:4318/v1/logs', /without a path for grpc/);
test(refuses, '--otlp-endpoint http://c:99999', /^--otlp-endpoint expects a URL/);
for (const url of ['http://me:hush@c:4317', 'https://hush@c', 'http://c:4317/?token=hush', 'http:/me:hush@c:99999'])
  for (const option of ['otlp-endpoint', 'kubelet-endpoint'])
    test(`a secret in a URL is not repeated: --${option} ${url}`, (t) => {
      const { message } = t.throws(() => parse(`--${option} ${url}`), { instanceOf: UsageError }) as Error;
      t.regex(message, new RegExp(`^--${option} expects a URL such as [^"]*, without user, password or query$`));
      t.notRegex(message, /hush/);
    });
test(refuses, '', /^OTEL_EXPORTER_OTLP_ENDPOINT expects a URL[^"]*$/, {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://m:h@c:x',
});
test(refuses, '', /^OTEL_EXPORTER_OTLP_ENDPOINT expects [^"]*, without user, password or query$/, {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:hush@c:4317',
});
test(refuses, '', /^OTEL_EXPORTER_OTLP_HEADERS expects pairs such as [^"]* number 1 is none$/, {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317',
  OTEL_EXPORTER_OTLP_HEADERS: 'hushhush',
});
test(refuses, '--otlp-protocol smoke', /^--otlp-protocol expects one of/);
test(refuses, '--logs', '--logs expects an endpoint: add --otlp-endpoint URL');
test(refuses, '--otlp-header secret', /^--otlp-header expects a name [^"]*$/);
test(refuses, '--otlp-header bad\u0001=secret', /^--otlp-header expects a name [^"]*$/);
test(refuses, 'replay', 'replay expects the name of a file made with --record');
test(refuses, 'replay --tcp', 'replay expects the name of a file made with --record, not "--tcp"');
test(refuses, 'chek', '"chek" is not expected; did you mean check?');
test(refuses, 'xyzzyxyzzy', '"xyzzyxyzzy" is not expected; sockflow --help lists commands and options');
test(refuses, '--tcp check', 'check comes first: sockflow check [options]');
test(refuses, '--tcp replay file', 'replay comes first: sockflow replay FILE [options]');
test(refuses, 'replay a b', /^"b" is not expected/);
test(refuses, 'replay a --record b', '--record expects what happens on this host, not replay');
test(refuses, '--anonymize', '--anonymize expects a recording: add --record FILE');
test(refuses, '--columns time,proces', '--columns: there is no column proces; did you mean process?');
test(refuses, '--columns time,time', '--columns: a column is named twice: time,time');
test(refuses, 'top --columns time', /^--columns is not for top/);
test(refuses, '', 'SOCKFLOW_DURATION expects a time such as 500ms, 10s, 5m or 1h, not "long"', {
  SOCKFLOW_DURATION: 'long',
});
test(refuses, '--filter prc=x', '--filter: prc= is none of its words; did you mean proc?');
test(refuses, '', 'SOCKFLOW_FILTER: port= expects a port, not "http"', { SOCKFLOW_FILTER: 'port=http' });
for (const endpoint of [
  'x',
  'tcp://a',
  'tcp://a:0',
  'tcp://a:65536',
  'tcp://a:1d',
  'udp://a:1',
  'tcp://a:1/',
  'tcp://*:1c',
  ',',
])
  test(refuses, `-z ${endpoint}`, /^--zmq expects an endpoint such as tcp:\/\/127\.0\.0\.1:1234, or .*, not "/);
test(refuses, '-z', /^--zmq expects an endpoint .*; none came$/);
test(refuses, '-tz', /^--zmq expects an endpoint .*; none came$/);
test(refuses, '-z -v', /^--zmq expects an endpoint .*; none came$/);
for (const key of ['short', 'x'.repeat(41), '0'.repeat(79), `${'x'.repeat(39)}~`])
  test(refuses, `-z tcp://a:1 --zmq-encryption-key ${key}`, /^--zmq-encryption-key expects ntopng's public key, 40/);
for (const line of ['--zmq-format tlv', '--zmq-container name', `--zmq-encryption-key ${'x'.repeat(40)}`])
  test(refuses, line, /^--zmq-\S+ expects an ntopng: add --zmq ENDPOINT$/);
test(refuses, '--spool /x', '--spool expects records that are sent: add --otlp-endpoint URL');
test(refuses, '--spool /x --no-logs --otlp-endpoint http://c:4317', /^--spool expects records that are sent/);
test(refuses, '', /^OTEL_EXPORTER_OTLP_ENDPOINT expects a URL/, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://:x' });
test(refuses, '', /^OTEL_EXPORTER_OTLP_LOGS_PROTOCOL expects one of grpc, http\/protobuf, http\/json, not "smoke"$/, {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317',
  OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'smoke',
});

test('over HTTP an endpoint may have a path, and any protocol a socket', (t) => {
  t.like(parse('--otlp-endpoint http://c:4318/base --otlp-protocol http/json'), { otlpProtocol: 'http/json' });
  t.like(parse('--otlp-endpoint unix:///run/otlp.sock'), { otlpEndpoint: 'unix:///run/otlp.sock', logs: true });
});

test('replay names its file, and takes options behind it', (t) => {
  const command = parseCommandLine(['replay', 'capture.sf', '--format', 'json'], {});
  t.like(command, { action: 'run', replay: 'capture.sf', options: { format: 'json' } });
  t.like(parseCommandLine([], {}), { replay: undefined });
});

test('a message stays one clean line whatever was typed', (t) => {
  const error = t.throws(() => parseCommandLine([`--\x1b[31m\n${'x'.repeat(500)}`], {}));
  t.regex(error.message, /^[\x20-\x7e…]{1,200}$/);
});
