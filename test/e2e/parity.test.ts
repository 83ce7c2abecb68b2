/** One recording through every output: what each of them says adds up to the same. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { attribute, ends, type JsonRecord, only, SOCKFLOW, withAgent } from '../support/agent.ts';
import { asJson } from '../support/as-json.ts';
import { type Collector, readLogs, readMetrics, readSpans, startCollector, total } from '../support/collector.ts';
import { type Exchange, exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { readPcapng } from '../support/pcapng.ts';
import { finished } from '../support/processes.ts';
import { field, Subscriber } from '../support/subscriber.ts';
import { removeDirectory, sharedDirectory, temporaryDirectory } from '../support/temporary.ts';

const CONNECTIONS = 113;

/** What a program of the workload closed, and what it moved. */
interface Sums {
  readonly connections: number;
  readonly sent: number;
  readonly received: number;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

const directory = sharedDirectory();
const file = join(directory, 'recording');
let done: Exchange;
let wanted: Sums;

test.after.always(() => removeDirectory(directory));

test.serial('a recording is made, which all that follows replays', async (t) => {
  await withNamespace(async (namespace) => {
    await withAgent([...only(namespace), '--format', 'json', '--record', file], async (agent) => {
      done = await exchange(t, namespace, { connections: CONNECTIONS, prefix: 'parity' });
      await agent.waitForEnds(namespace, 2 * CONNECTIONS);
      const { connections } = done.client;
      wanted = {
        connections: CONNECTIONS,
        sent: sum(connections.map(({ sent }) => sent)),
        received: sum(connections.map(({ received }) => received)),
      };
      t.true(wanted.sent > 0 && wanted.received > 0);
      t.deepEqual(ofRecords((await agent.stop()).records), wanted);
    });
  });
});

async function replay(...args: readonly string[]): Promise<Buffer> {
  const child = spawn(SOCKFLOW, ['replay', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk) => stdout.push(chunk));
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  await finished(child);
  const said = Buffer.concat(stderr).toString();
  if (child.exitCode !== 0 || !/ lost 0$/m.test(said)) throw new Error(`replay ended with ${child.exitCode}: ${said}`);
  return Buffer.concat(stdout);
}

const isOurs = (record: JsonRecord) => attribute(record, 'process.executable.name') === done.clientName;

function ofRecords(records: readonly JsonRecord[]): Sums {
  const closed = ends(records).filter(isOurs);
  const of = (name: string) => sum(closed.map((record) => Number(attribute(record, name))));
  return {
    connections: closed.length,
    sent: of('sockflow.connection.sent.bytes'),
    received: of('sockflow.connection.received.bytes'),
  };
}

const linesOf = (text: Buffer) => text.toString().trimEnd().split('\n');

async function collectorFor(t: ExecutionContext): Promise<{ collector: Collector; to: string[] }> {
  const collector = await startCollector({ directory: temporaryDirectory(t) });
  t.teardown(() => collector.kill());
  return { collector, to: ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`] };
}

test.serial('JSON', async (t) => {
  const records = linesOf(await replay('--format', 'json')).map((line) => JSON.parse(line));
  t.deepEqual(ofRecords(records), wanted);
});

test.serial('text', async (t) => {
  const rows = linesOf(await replay('--format', 'text', '--columns', 'event,process,direction,duration'));
  const closed = rows.filter((row) => row.startsWith('close') && row.includes(`${done.clientName}[`));
  t.is(closed.length, wanted.connections);
});

test.serial('pcapng', async (t) => {
  const { packets } = readPcapng(await replay('--format', 'pcapng'));
  t.deepEqual(ofRecords(packets.map(({ payload }) => JSON.parse(payload))), wanted);
});

test.serial('OTLP: logs, metrics and spans', async (t) => {
  const { collector, to } = await collectorFor(t);
  await replay(...to, '--traces');
  await collector.stop();
  t.deepEqual(ofRecords(readLogs(collector.logsFile).map(asJson)), wanted);
  const points = readMetrics(collector.metricsFile);
  t.deepEqual(
    {
      connections: total(points, 'sockflow.connection.closed', done.clientName),
      sent: total(points, 'sockflow.connection.io', done.clientName, { 'network.io.direction': 'transmit' }),
      received: total(points, 'sockflow.connection.io', done.clientName, { 'network.io.direction': 'receive' }),
    },
    wanted,
  );
  const spans = readSpans(collector.tracesFile).filter(({ resource }) => resource['service.name'] === done.clientName);
  t.is(spans.length, wanted.connections);
});

test.serial('flows for ntopng', async (t) => {
  const subscriber = await Subscriber.start(undefined, 'tcp://127.0.0.1:*', '--bind', 'flow', 'event');
  t.teardown(() => subscriber.kill());
  await replay('-z', `${subscriber.endpoint}c`);
  await subscriber.stop();
  const flows = subscriber.flows((flow) => String(flow[field.sourceName] ?? '').endsWith(`/${done.clientName}`));
  t.deepEqual(
    {
      connections: flows.length,
      sent: sum(flows.map((flow) => Number(flow[field.inBytes]))),
      received: sum(flows.map((flow) => Number(flow[field.outBytes]))),
    },
    wanted,
  );
});
