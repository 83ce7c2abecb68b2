import test from 'ava';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { type Pipeline, run, type StartPipeline } from '../../../src/cli/run.ts';
import { StartError, UsageError } from '../../../src/errors.ts';
import type { KernelCounts, Ledger } from '../../../src/ledger.ts';
import { createLog } from '../../../src/log.ts';

const counts: KernelCounts = {
  opened: 10,
  closed: 7,
  live: 1,
  lost: { ring_full: 2 },
  dropped: {},
  udp: { opened: 0, closed: 0, live: 0 },
  folded: 0,
};

/** An agent whose kernel and process are the test's. */
function launch(line: string, start?: StartPipeline) {
  const command = parseCommandLine(line.split(' ').filter(Boolean), {});
  if (command.action !== 'run') throw new Error(command.action);
  const lines: string[] = [];
  const log = createLog(command.options.logLevel, (text) => void lines.push(...text.trimEnd().split('\n')));
  let signal = () => {};
  let exception = (_error: unknown) => {};
  const ready = Promise.withResolvers<void>();
  const handles = { ledger: undefined as Ledger | undefined, lose: (_reason: string) => {}, deadline: 0 };
  const pipeline: Pipeline = {
    description: 'watching nothing',
    kernelCounts: () => counts,
    shutdown: async (deadline) => {
      handles.deadline = deadline;
    },
  };
  const startFake: StartPipeline = async (_options, _log, ledger, { onOutputLost }) => {
    handles.ledger = ledger;
    handles.lose = onOutputLost;
    setImmediate(ready.resolve);
    return pipeline;
  };
  const code = run(command.options, {
    log,
    start: start ?? startFake,
    onSignal: (callback) => {
      signal = callback;
    },
    onException: (callback) => {
      exception = callback;
    },
  });
  return {
    code,
    lines,
    ready: ready.promise,
    pipeline,
    handles,
    signal: () => signal(),
    throw: (e: unknown) => exception(e),
  };
}

test('ready, a signal, a summary, 0', async (t) => {
  const agent = launch('');
  await agent.ready;
  t.deepEqual(agent.lines, ['sockflow: ready, watching nothing']);
  Object.assign(agent.handles.ledger ?? {}, { received: 9 });
  agent.handles.ledger?.deliver('stdout', 9);
  agent.signal();
  t.is(await agent.code, 0);
  t.is(
    agent.lines[1],
    'sockflow: 9 records (opened 10, closed 7, live 1), sent 9, unsent 0, lost 2 (kernel ring_full 2)',
  );
  t.is(agent.lines.length, 2);
});

test('the summary tells what was lost from what was not sent in time, and outputs apart', async (t) => {
  const agent = launch('');
  await agent.ready;
  const { ledger } = agent.handles;
  ledger?.deliver('stdout', 5);
  ledger?.deliver('otlp/logs', 4);
  ledger?.lose('export', 'stdout_full', 3);
  ledger?.lose('export', 'stdout_shutdown', 6);
  ledger?.lose('kernel', 'ring_full', 2);
  agent.signal();
  await agent.code;
  t.regex(
    agent.lines[1] ?? '',
    /sent 5 to stdout and 4 to otlp\/logs, unsent 6, lost 5 \(kernel ring_full 2, export stdout_full 3\)$/,
  );
});

test('--duration ends it, and the shutdown has its time', async (t) => {
  const agent = launch('--duration 20ms --shutdown-timeout 7s');
  t.is(await agent.code, 0);
  t.true(Math.abs(agent.handles.deadline - performance.now() - 7000) < 1000);
});

test('a closed stdout ends it without a word', async (t) => {
  const agent = launch('');
  await agent.ready;
  agent.handles.lose('stdout_closed');
  t.is(await agent.code, 0);
  t.is(agent.lines.length, 1);
});

test('an output that is lost for good is said, and 1', async (t) => {
  const agent = launch('');
  await agent.ready;
  agent.handles.lose('stdout_failed: ENOSPC');
  t.is(await agent.code, 1);
  t.is(agent.lines[1], 'sockflow: an output is lost: stdout_failed: ENOSPC');
});

test('what the host does not allow is one line with its remedy, and 1', async (t) => {
  const agent = launch('', async () => {
    throw new StartError('missing CAP_BPF', 'run as root');
  });
  t.is(await agent.code, 1);
  t.deepEqual(agent.lines, ['sockflow: cannot start: missing CAP_BPF; run as root']);
});

test('any other failure at the start is one line, too, with the stack for debug', async (t) => {
  const fail: StartPipeline = async () => {
    throw new Error('two\nlines');
  };
  const agent = launch('', fail);
  t.is(await agent.code, 1);
  t.deepEqual(agent.lines, ['sockflow: cannot start: two lines; --log-level debug says where']);
  const debugged = launch('--log-level debug', fail);
  t.is(await debugged.code, 1);
  t.true(debugged.lines.length > 2);
});

test('wrong usage that only the pipeline can see is 2', async (t) => {
  const agent = launch('', async () => {
    throw new UsageError('--otlp-certificate expects a file that can be read');
  });
  t.is(await agent.code, 2);
  t.deepEqual(agent.lines, ['sockflow: --otlp-certificate expects a file that can be read']);
});

test('a second signal does not wait for the shutdown', async (t) => {
  const agent = launch('');
  await agent.ready;
  agent.pipeline.shutdown = () => new Promise(() => {});
  agent.signal();
  await new Promise(setImmediate);
  const begin = performance.now();
  agent.signal();
  t.is(await agent.code, 0);
  t.true(performance.now() - begin < 200);
  t.is(agent.lines.length, 2);
  t.regex(agent.lines[1] ?? '', /, unsent unknown, /);
});

test('signals count while it starts, too', async (t) => {
  const slow = launch('', () => new Promise(() => {}));
  slow.signal();
  slow.signal();
  t.is(await slow.code, 0);
  t.deepEqual(slow.lines, []);
});

test('a pipeline that misses its deadline is not waited for', async (t) => {
  const agent = launch('--shutdown-timeout 10ms');
  await agent.ready;
  agent.pipeline.shutdown = () => new Promise(() => {});
  agent.signal();
  t.is(await agent.code, 0);
  t.is(agent.lines.length, 2);
});

test('a mistake in the agent is said once, counted, and survived', async (t) => {
  const agent = launch('');
  await agent.ready;
  for (let i = 0; i < 3; i++) agent.throw(new Error('oops\nagain'));
  agent.signal();
  t.is(await agent.code, 0);
  t.is(agent.lines[1], 'sockflow: internal error: oops again; please report it');
  t.regex(agent.lines[2] ?? '', /, internal errors 3$/);
});

test('an agent that only makes mistakes ends, with 1', async (t) => {
  const agent = launch('');
  await agent.ready;
  for (let i = 0; i < 1000; i++) agent.throw(new Error('oops'));
  t.is(await agent.code, 1);
});
