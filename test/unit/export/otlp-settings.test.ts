import test from 'ava';
import { type OtlpOptions, readPairs, readSettings, requestPath } from '../../../src/export/otlp/settings.ts';

type Env = Record<string, string>;
const read = (env: Env = {}, options: OtlpOptions = {}) => readSettings(options, 'LOGS', env);

test('the defaults are those of the specification, and gRPC', (t) => {
  t.like(read(), { protocol: 'grpc', endpoint: 'http://localhost:4317', timeoutMs: 10_000, compression: 'none' });
  t.is(read({}, { protocol: 'http/json' }).url.href, 'http://localhost:4318/v1/logs');
});

test('an option wins over the variable of the signal, that over the general one', (t) => {
  const general = { OTEL_EXPORTER_OTLP_TIMEOUT: '1' };
  const both = { ...general, OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '2' };
  t.is(read(general).timeoutMs, 1);
  t.is(read(both).timeoutMs, 2);
  t.is(read(both, { timeoutMs: 3 }).timeoutMs, 3);
  t.is(read({ OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '5' }).timeoutMs, 10_000, "another signal's");
});

test('every variable of a transport is read', (t) => {
  const settings = read({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/base/',
    OTEL_EXPORTER_OTLP_HEADERS: 'A=1,b=two%20words',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=3',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca',
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: '/cert',
    OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY: '/key',
  });
  t.is(settings.url.href, 'https://collector:4318/base/v1/logs');
  t.deepEqual(settings.headers, { a: '1', b: '3' });
  t.like(settings, { protocol: 'http/protobuf', compression: 'gzip', tls: true });
  t.is(settings.certificate?.path, '/ca');
  t.is(settings.clientCertificate?.path, '/cert');
  t.deepEqual(settings.clientKey, { path: '/key', source: 'OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY' });
});

test("the path of one signal's endpoint is taken as it is", (t) => {
  const OTEL_EXPORTER_OTLP_PROTOCOL = 'http/protobuf';
  const url = (path: string) =>
    read({ OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://c:1${path}` }).url.href;
  t.is(url('/insert/logs'), 'http://c:1/insert/logs');
  t.is(url(''), 'http://c:1/');
});

test('gRPC endpoints may come without scheme or port', (t) => {
  const url = (OTEL_EXPORTER_OTLP_ENDPOINT: string, more: Env = {}) =>
    read({ OTEL_EXPORTER_OTLP_ENDPOINT, ...more }).url.href;
  t.is(url('collector:4317'), 'https://collector:4317/');
  t.is(url('collector:4317', { OTEL_EXPORTER_OTLP_INSECURE: 'true' }), 'http://collector:4317/');
  t.is(url('http://collector'), 'http://collector:4317/');
  t.is(url('http://[::1]'), 'http://[::1]:4317/');
});

test('a socket has the usual paths', (t) => {
  t.is(requestPath(read({}, { endpoint: 'unix:///run/otlp.sock', protocol: 'http/protobuf' })), '/v1/logs');
});

const bad: readonly (readonly [Env, OtlpOptions, RegExp])[] = [
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'smoke' }, {}, /^OTEL_EXPORTER_OTLP_PROTOCOL expects one of grpc, .*"smoke"$/],
  [{ OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '-1' }, {}, /^OTEL_EXPORTER_OTLP_LOGS_TIMEOUT expects a number/],
  [{ OTEL_EXPORTER_OTLP_COMPRESSION: 'zip' }, {}, /^OTEL_EXPORTER_OTLP_COMPRESSION expects gzip or none, not "zip"$/],
  [{}, { endpoint: 'http://c:4317/v1/logs' }, /^--otlp-endpoint expects .* without a path for grpc/],
  [{}, { headers: { key: 'säcret' } }, /^--otlp-header expects .* not what was given for "key"$/],
  [
    { OTEL_EXPORTER_OTLP_HEADERS: 'a=1,hushhush' },
    {},
    /^OTEL_EXPORTER_OTLP_HEADERS expects pairs .* of its 2, number 2 is none$/,
  ],
  [{ OTEL_EXPORTER_OTLP_LOGS_HEADERS: '=hush' }, {}, /^OTEL_EXPORTER_OTLP_LOGS_HEADERS expects pairs /],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'Bearer hush=' }, {}, /^OTEL_EXPORTER_OTLP_HEADERS expects names of letters/],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'key=h%C3%BCsh' }, {}, /^OTEL_EXPORTER_OTLP_HEADERS expects .* for "key"$/],
  [{}, { endpoint: 'http://me:hush@c:4317' }, /^--otlp-endpoint expects .*, without user, password or query$/],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'me:hush@c:4317' }, {}, /^OTEL_EXPORTER_OTLP_ENDPOINT expects .*, without user/],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317/?token=hush' },
    {},
    /^OTEL_EXPORTER_OTLP_ENDPOINT expects .*, without user/,
  ],
];
for (const [env, options, message] of bad)
  test(`refused: ${JSON.stringify({ ...env, ...options })}`, (t) => {
    t.throws(() => read(env, options), { message });
    const { message: said } = t.throws(() => read(env, options)) as Error;
    t.notRegex(said, /hush|sh=|säcret|hüsh|me:/);
  });

test('headers of a variable may have empty parts, spaces and values with equal signs', (t) => {
  t.deepEqual(read({ OTEL_EXPORTER_OTLP_HEADERS: ' authorization = Basic%20YQ== ,, b=,' }).headers, {
    authorization: 'Basic YQ==',
    b: '',
  });
  t.deepEqual(read({ OTEL_EXPORTER_OTLP_HEADERS: ' ' }).headers, {});
});

test('pairs are percent-encoded, and rubbish among them is left out', (t) => {
  t.deepEqual(readPairs('a=1, b = x%3Dy ,,nothing,=v,c=%zz'), { a: '1', b: 'x=y', c: '%zz' });
  t.deepEqual(readPairs(undefined), {});
});
