import test from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { UsageError } from '../../../src/errors.ts';
import { createSelection } from '../../../src/select.ts';

function top(args: readonly string[], env = {}) {
  const command = parseCommandLine(['top', ...args], env);
  if (command.action !== 'top') throw new Error(command.action);
  return command;
}

test('the interval is a second, unless somebody says otherwise', (t) => {
  t.is(top([]).options.interval, 1000);
  t.is(top(['--interval', '3s']).options.interval, 3000);
  t.is(top([], { SOCKFLOW_INTERVAL: '4s' }).options.interval, 4000);
  const run = parseCommandLine([], {});
  t.is(run.action === 'run' && run.options.interval, 10_000);
});

test('the filter goes to the table', (t) => {
  const { options, filter } = top(['--filter', 'proc=nginx !port=22']);
  t.is(filter, 'proc=nginx !port=22');
  t.is(options.filter, undefined);
  t.throws(() => top(['--filter', 'prc=x']), { instanceOf: UsageError, message: /did you mean proc\?/ });
});

test('nothing is sent, whatever is set elsewhere; the kernel is asked for what the table needs', (t) => {
  const { options } = top(['--once', '--group', 'peer', '--sort', 'rtt', '-u'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317',
    SOCKFLOW_ZMQ: 'tcp://127.0.0.1:1',
    SOCKFLOW_HEALTH: '1',
    SOCKFLOW_RETRANSMITS: 'true',
  });
  const { logs, metrics, traces, zmq, health, once, group, sort, udp } = options;
  t.deepEqual([logs, metrics, traces, zmq, health], [false, false, false, [], undefined]);
  t.deepEqual([once, group, sort, udp], [true, 'peer', 'rtt', true]);
  const { wantsOpen, wantsUpdate, wantsRetransmit, wantsReset } = createSelection(options);
  t.deepEqual([wantsOpen, wantsUpdate, wantsRetransmit, wantsReset], [true, true, false, false]);
});

const refuses = test.macro<[string[], string | RegExp]>({
  exec(t, args, message) {
    t.throws(() => parseCommandLine(args, {}), { instanceOf: UsageError, message });
  },
  title: (_, args) => `refused: ${args.join(' ')}`,
});

test(refuses, ['top', '--format', 'json'], '--format is not for top, which shows a table and sends nothing');
test(refuses, ['top', '--otlp-endpoint', 'http://c:4317'], /^--otlp-endpoint is not for top/);
test(refuses, ['top', '-z', 'tcp://127.0.0.1:1'], /^--zmq is not for top/);
test(refuses, ['--once'], '--once expects top: sockflow top --once');
test(refuses, ['check', '--group', 'peer'], '--group expects top: sockflow top --group');
test(refuses, ['-t', 'top'], 'top comes first: sockflow top [options]');
test(refuses, ['top', '--sort', 'size'], /^--sort expects one of rate, /);
