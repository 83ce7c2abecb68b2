/** Names that somebody chose to harm: of real programs in real cgroups, and all that there are in a real Collector. */
import { closeSync, copyFileSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createOtlpLogsExporter } from '../../src/export/otlp/logs.ts';
import { createOtlpMetricsExporter } from '../../src/export/otlp/metrics/exporter.ts';
import { createOtlpTracesExporter } from '../../src/export/otlp/traces.ts';
import {
  createLookupAttributes,
  createMetricAttributes,
  createRecordAttributes,
  metricAttributeNames,
} from '../../src/export/semconv.ts';
import { Ledger } from '../../src/ledger.ts';
import type { Exporter } from '../../src/model.ts';
import { only, startAgent } from '../support/agent.ts';
import { makeCgroup } from '../support/cgroup.ts';
import { type Collector, readLogs, readMetrics, readSpans, startCollector } from '../support/collector.ts';
import { hostileLookup, hostileNames, hostileRecords, misleading, shownLabels } from '../support/hostile.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { host, ownNetworkNamespace } from '../support/otlp-records.ts';
import { eventually } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { program, startServer } from '../support/workload.ts';

const names = Object.values(hostileNames);
const records = names.flatMap((name, index) => hostileRecords(name, index));
const legal = (name: string) => name.toWellFormed();

const distinct = (values: readonly unknown[]) => [...new Set(values)].sort();

/** Every exporter, as the agent makes them; what was lost is in the ledger. */
function createExporters(collector: Collector, protocol: 'grpc' | 'http/json', ledger: Ledger): Exporter[] {
  const port = protocol === 'grpc' ? collector.grpcPort : collector.httpPort;
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  const metricAttributes = createMetricAttributes(metricAttributeNames, { ownNetworkNamespace });
  const to = { endpoint: `http://127.0.0.1:${port}`, protocol, host, attributes, lookupAttributes, ...shownLabels };
  const say = (message: string) => ledger.fault('export', message);
  return [
    createOtlpLogsExporter(to, ledger, say),
    createOtlpTracesExporter(to, ledger, say),
    createOtlpMetricsExporter({ ...to, ledger, metricAttributes, lookupsByName: true }, say),
  ];
}

for (const protocol of ['grpc', 'http/json'] as const)
  test.serial(`over ${protocol} a Collector takes every record, span and series, whatever the names`, async (t) => {
    const collector = await startCollector({ directory: temporaryDirectory(t) });
    t.teardown(() => collector.kill());
    const ledger = new Ledger();
    for (const exporter of createExporters(collector, protocol, ledger)) {
      exporter.export(records);
      exporter.exportLookups?.(names.map(hostileLookup));
      await exporter.shutdown(performance.now() + 60_000);
    }
    await collector.stop();
    t.deepEqual([...ledger.lost, ...ledger.faulted], []);
    const logs = readLogs(collector.logsFile);
    t.is(logs.length, records.length + names.length);
    const of = (all: readonly { resource: object }[], key: string) =>
      distinct(all.map(({ resource }) => (resource as Record<string, unknown>)[key]));
    const wanted = distinct(names.map(legal));
    t.deepEqual(of(logs, 'process.executable.name'), wanted);
    t.deepEqual(of(logs, 'container.label.tier'), wanted);
    t.deepEqual(of(readSpans(collector.tracesFile), 'process.executable.name'), wanted);
    const points = readMetrics(collector.metricsFile).filter(({ name }) => name === 'sockflow.connection.opened');
    t.deepEqual(distinct(points.map(({ attributes }) => attributes['process.executable.name'])), wanted);
  });

/** A file's name may be any bytes but these two: 0 and `/`. */
const NAME = Buffer.concat([
  Buffer.from('e\x1b[2J\x1b]52;c;eA==\x07\r\nsockflow: ready\t\x7f\u009b31m\u202e"\'`$(x)<b>'),
  Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]),
]);
const READ = new TextDecoder().decode(NAME);
const UNIT = 'evil\x1b]0;x\x07\u202e.service';

/** Connections of a program with that name, in a service with that one. */
async function exchange(t: ExecutionContext, namespace: Namespace, connections: number): Promise<void> {
  const directory = temporaryDirectory(t);
  copyFileSync(program('tcp-client'), Buffer.concat([Buffer.from(`${directory}/`), NAME]));
  const server = await startServer(namespace);
  const cgroup = makeCgroup(t, join('system.slice', UNIT));
  // The shell takes the bytes of the name from the directory, and has its own cgroup before it becomes the program.
  const script = 'echo $$; read -r go; exec "$0"/* "$@"';
  const args = [
    '--port',
    `${server.port}`,
    '--family',
    '4',
    '--connections',
    `${connections}`,
    '--uid',
    '0',
    '--gid',
    '0',
  ];
  const child = namespace.spawn('sh', ['-c', script, directory, ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
  cgroup(child.pid as number);
  child.stdin?.end('go\n');
  const code = await new Promise((resolve) => child.once('exit', resolve));
  t.is(code, 0);
  await server.stop();
}

test.serial(
  'a program and a service with such names: lines, JSON and OTLP have them, each in its own way',
  async (t) => {
    const CONNECTIONS = 5;
    const collector = await startCollector({ directory: temporaryDirectory(t) });
    t.teardown(() => collector.kill());
    await withNamespace(async (namespace) => {
      const to = ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`, '--events', 'close,failed'];
      const json = await startAgent([...only(namespace), '--format', 'json', ...to]);
      t.teardown(() => json.kill9());
      const file = join(temporaryDirectory(t), 'lines');
      const stdout = openSync(file, 'w');
      const text = await startAgent([...only(namespace), '--verbose', '--format', 'text', '--events', 'close'], {
        stdout,
      });
      closeSync(stdout);
      t.teardown(() => text.kill9());
      await exchange(t, namespace, CONNECTIONS);
      await json.waitForEnds(namespace, 2 * CONNECTIONS);
      const { code, records: seen } = await json.stop();
      t.is(code, 0);
      const ours = seen.filter(({ resource }) => resource['process.executable.name'] === READ);
      t.is(ours.length, CONNECTIONS);
      for (const { resource } of ours) t.is(resource['sockflow.systemd.unit'], UNIT);

      await collector.stop();
      const logs = readLogs(collector.logsFile).filter(({ resource }) => resource['process.executable.name'] === READ);
      t.is(logs.length, CONNECTIONS);

      const closed = (lines: readonly string[]) => lines.filter((line) => /^[\d:.]{12} close /.test(line));
      const written = () => readFileSync(file, 'utf8').split('\n');
      await eventually('lines', written, (lines) => closed(lines).length >= 2 * CONNECTIONS);
      t.is((await text.stop()).code, 0);
      const lines = written();
      t.is(lines.pop(), '');
      for (const line of lines) {
        t.notRegex(line, misleading);
        t.regex(line, /^(?:# TIME |[\d:.]{12} close | {4}[\w.]+ = )/, 'a line of ours');
      }
      t.is(closed(lines).length, 2 * CONNECTIONS);
      t.is(closed(lines).filter((line) => line.slice(13).startsWith('close e\\x1b[2J\\x1b]52;')).length, CONNECTIONS);
    });
  },
);
