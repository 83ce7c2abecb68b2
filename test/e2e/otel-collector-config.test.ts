import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { only, startAgent } from '../support/agent.ts';
import { freePort, readLogs, readMetrics, startCollector, validateConfig } from '../support/collector.ts';
import { exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { parsePrometheus } from '../support/prometheus-text.ts';
import { sendLogs, sendMetrics } from '../support/sdk.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const forUsers = join(import.meta.dirname, '../../otel-collector.yaml');

test('the Collector accepts otel-collector.yaml as it is', async (t) => {
  t.is(await validateConfig(forUsers), '');
});

test('a configuration with a mistake is refused, so that the check above means something', async (t) => {
  t.regex(await validateConfig('yaml:receivers: { otlp: { colour: red } }'), /colour/);
});

test('a Collector with otel-collector.yaml takes logs and metrics and serves the metrics to Prometheus', async (t) => {
  const collector = await startCollector({ directory: temporaryDirectory(t), config: forUsers });
  t.teardown(() => collector.kill());
  await sendLogs(collector.grpcPort, [{ eventName: 'test.event', attributes: {} }]);
  await sendMetrics(collector.grpcPort, 42, [0.5]);
  const page = await scrapeUntil(collector.prometheusPort, /test_total/);
  t.regex(page, /^test_total\{.*colour="red".*process_pid="4711".*\} 42$/m);
  await collector.stop();
  t.regex(collector.log(), /"log records": 1/);
  t.regex(collector.log(), /"data points": 2/);
});

test.serial('what it serves to Prometheus is told apart by the observed program, not by the agent', async (t) => {
  const collector = await startCollector({ directory: temporaryDirectory(t), config: forUsers });
  t.teardown(() => collector.kill());
  await withNamespace(async (namespace) => {
    const to = ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`];
    const agent = await startAgent([...only(namespace), '--format', 'json', ...to]);
    t.teardown(() => agent.kill9());
    const { wanted, clientName, serverName } = await exchange(t, namespace, { connections: 5 });
    await agent.waitForEnds(namespace, wanted.length);
    t.is((await agent.stop()).code, 0);
    const page = await scrapeUntil(collector.prometheusPort, /^sockflow_connection_closed_total/m);
    const { samples = [] } = parsePrometheus(page).get('sockflow_connection_closed_total') ?? {};
    const closed = samples.map(({ labels, value }) => [labels.service_name, labels.job, value]);
    t.deepEqual(closed.sort(), [
      [clientName, 'sockflow', 5],
      [serverName, 'sockflow', 5],
    ]);
  });
  await collector.stop();
});

test('the files of the test Collector hold what the SDK sent', async (t) => {
  const collector = await startCollector({ directory: temporaryDirectory(t) });
  t.teardown(() => collector.kill());
  const attributes = { text: 'Grüße', count: 7, ratio: 0.25, yes: true, list: ['a', 'b'], 'big.number': 2 ** 52 };
  await sendLogs(collector.grpcPort, [
    { eventName: 'first', attributes },
    { eventName: 'second', attributes: {} },
  ]);
  await sendMetrics(collector.grpcPort, 42, [0.5, 2, 3]);
  await collector.stop();

  const logs = readLogs(collector.logsFile);
  t.deepEqual(
    logs.map((log) => log.eventName),
    ['first', 'second'],
  );
  t.deepEqual(logs[0]?.attributes, attributes);
  t.like(logs[0], { body: 'first', severityNumber: 9, scope: { name: 'sdk-test', version: '1.0' } });
  t.is(logs[0]?.resource['process.pid'], 4711);
  t.true(ageInSeconds(logs[0]?.timeUnixNano) < 60);

  const points = readMetrics(collector.metricsFile);
  t.like(
    points.find((point) => point.name === 'test.total'),
    {
      type: 'sum',
      unit: '{item}',
      monotonic: true,
      temporality: 'cumulative',
      attributes: { colour: 'red' },
      value: 42,
    },
  );
  t.like(
    points.find((point) => point.name === 'test.duration'),
    {
      type: 'histogram',
      value: { count: 3, sum: 5.5, min: 0.5, max: 3, buckets: [1, 2, 0], bounds: [1, 10] },
    },
  );
});

test('a Collector runs inside a network namespace, and again on the same port', async (t) => {
  const ports = { grpcPort: await freePort() };
  await withNamespace(async (namespace) => {
    for (const _ of ['first', 'second']) {
      const collector = await startCollector({ directory: temporaryDirectory(t), netns: namespace.path, ports });
      t.teardown(() => collector.kill());
      t.is(collector.grpcPort, ports.grpcPort);
      t.true((await namespace.run('ss', ['-Hltn'])).includes(`127.0.0.1:${ports.grpcPort}`));
      await collector.stop();
    }
  });
});

test('a Collector that cannot start says why', async (t) => {
  const directory = temporaryDirectory(t);
  const error = await t.throwsAsync(startCollector({ directory, config: 'receivers:\n  nothing: {}\n' }));
  t.regex(error.message, /did not start; it said:\n(.*\n)*.*nothing/);
});

async function scrapeUntil(port: number, wanted: RegExp): Promise<string> {
  for (const deadline = Date.now() + 10_000; ; ) {
    const page = await fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
    if (wanted.test(page) || Date.now() > deadline) return page;
    await sleep(50);
  }
}

function ageInSeconds(time = 0n): number {
  return Date.now() / 1000 - Number(time) / 1e9;
}
