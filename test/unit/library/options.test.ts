import test from 'ava';
import { UsageError } from '../../../src/errors.ts';
import { readReplayOptions, readWatchOptions, type WatchOptions } from '../../../src/library/options.ts';

test('without options it is all of this host, and nothing goes anywhere else', (t) => {
  const { options, queueLimit } = readWatchOptions({});
  t.is(queueLimit, 65_536);
  const { format, logs, metrics, traces, zmq, tcp, udp, snapshot, interval } = options;
  t.deepEqual(
    { logs, metrics, traces, zmq, tcp, udp },
    { logs: false, metrics: false, traces: false, zmq: [], tcp: false, udp: false },
  );
  t.deepEqual({ format, snapshot, interval }, { format: 'json', snapshot: true, interval: 10_000 });
});

test('every option arrives as what the command line makes of it', (t) => {
  const given: WatchOptions = {
    events: ['close', 'failed'],
    transports: ['udp'],
    interval: 250,
    flowIdle: '2m',
    ringSize: '1MiB',
    maxFlows: 2048,
    queueLimit: 5,
    networkNamespace: 4026531840,
    snapshot: false,
    dns: false,
    dockerSocket: ['/run/a.sock', '/run/b.sock'],
    containerLabels: ['tier', 'team'],
    cidrName: { '10.0.0.0/8': 'corp', '2001:db8::/32': 'lab' },
    kubernetes: 'none',
    hostRoot: '/host',
  };
  const { options, queueLimit } = readWatchOptions(given);
  t.is(queueLimit, 5);
  t.like(options, {
    events: ['close', 'failed'],
    tcp: false,
    udp: true,
    interval: 250,
    flowIdle: 120_000,
    ringSize: 2 ** 20,
    maxFlows: 2048,
    networkNamespace: 4026531840,
    snapshot: false,
    dns: false,
    dockerSocket: ['/run/a.sock', '/run/b.sock'],
    containerLabels: ['tier', 'team'],
    kubernetes: 'none',
    hostRoot: '/host',
  });
  t.deepEqual(
    options.cidrName.map(({ name }) => name),
    ['corp', 'lab'],
  );
});

test('both transports are no choice', (t) => {
  const { options } = readWatchOptions({ transports: ['tcp', 'udp'] });
  t.like(options, { tcp: false, udp: false });
});

for (const [title, given, message] of [
  ['a value that is none', { events: ['everything'] }, 'events expects some of open,update'],
  ['a value that is nearly one', { events: ['opened'] }, 'events: there is no opened; did you mean open?'],
  ['a wrong type', { interval: {} }, 'interval expects a time such as 500ms'],
  ['a list that is empty', { transports: [] }, 'transports expects some of tcp,udp'],
  ['a limit of nothing', { queueLimit: 0 }, 'queueLimit expects a whole number from 1 to 16777216, not "0"'],
  ['a filter that says nothing', { filter: 'prok=nginx' }, 'filter: prok= is none of its words'],
  ['a typing mistake', { intervall: 5 }, 'there is no option "intervall"; did you mean interval?'],
  ['an output of the command line', { otlpEndpoint: 'http://x' }, 'there is no option "otlpEndpoint"'],
] as const)
  test(`${title} is refused by name`, (t) => {
    const error = t.throws(() => readWatchOptions(given as unknown as WatchOptions), { instanceOf: UsageError });
    t.true(error?.message.startsWith(message), error?.message);
  });

test('what only makes sense on a host is none of a recording', (t) => {
  t.throws(() => readReplayOptions({ hostRoot: '/host' } as object), { instanceOf: UsageError });
});

test('the environment has no say', (t) => {
  process.env.SOCKFLOW_INTERVAL = '1s';
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://localhost:4317';
  const { options } = readWatchOptions({});
  delete process.env.SOCKFLOW_INTERVAL;
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  t.like(options, { interval: 10_000, logs: false });
});
