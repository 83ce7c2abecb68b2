/**
 * What delivery costs and whether it loses anything, against a real Collector. `npm run bench:delivery` gives Node the heap
 * that bin/sockflow gives it.
 *
 *   node bench/delivery.ts cost   [--records 400000] [--only gRPC]   CPU of the agent's side for each record, by protocol
 *   node bench/delivery.ts outage [--seconds 60] [--rate 5000]       the Collector away meanwhile, with a spool of up to
 *                                 [--spool-gib 1]                    so much; an hour at 5,000 a second takes 15 GiB
 *   … --sink: one that keeps nothing, so that it is the agent that sets the pace of what was spooled; nothing is counted there
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogWriter } from '../src/export/otlp/log-writer.ts';
import { createOtlpLogsExporter, type OtlpLogsExporter, type OtlpLogsOptions } from '../src/export/otlp/logs.ts';
import { createRecordAttributes } from '../src/export/semconv.ts';
import { openSpool } from '../src/export/spool/spool.ts';
import { Ledger } from '../src/ledger.ts';
import type { ConnectionRecord } from '../src/model.ts';
import { type Collector, freePort, startCollector } from '../test/support/collector.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../test/support/otlp-records.ts';
import { cpuOf, sumOf } from './lib/measure.ts';
import { readOptions, refuse, wholeNumber } from './lib/options.ts';

const { values, positionals } = readOptions({
  options: {
    records: { type: 'string', default: '400000' },
    only: { type: 'string' },
    sink: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '5000' },
    'spool-gib': { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const records = wholeNumber('--records', values.records);
const [rate, seconds] = [wholeNumber('--rate', values.rate), wholeNumber('--seconds', values.seconds)];

const owners = [makeProcess(1), makeProcess(2)];
const directory = mkdtempSync(join(tmpdir(), 'sockflow-bench-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Both ends of connections, as when client and server are on this host. */
function record(number: number): ConnectionRecord {
  return makeRecord(number, { process: owners[number % 2], role: number % 2 === 0 ? 'client' : 'server' });
}

function createExporter(options: Partial<OtlpLogsOptions>, ledger: Ledger): OtlpLogsExporter {
  const attributes = createRecordAttributes({ ownNetworkNamespace });
  return createOtlpLogsExporter({ attributes, host, ...options }, ledger, (message) => console.error(message));
}

const sentBy = (ledger: Ledger) => ledger.sent.get('otlp-logs') ?? 0;

async function untilSent(ledger: Ledger, count: number): Promise<void> {
  while (sentBy(ledger) < count && ledger.lost.length === 0) await sleep(20);
  if (ledger.lost.length > 0) throw new Error(`lost: ${JSON.stringify(ledger.lost)}`);
}

/** The same records over and over, as many at a time as the kernel's ring gives in a busy moment. */
async function feed(exporter: OtlpLogsExporter, records: readonly ConnectionRecord[], total: number): Promise<void> {
  const AT_ONCE = 500;
  for (let done = 0; done < total; done += AT_ONCE) {
    exporter.export(records.slice(done % records.length, (done % records.length) + AT_ONCE));
    while (exporter.queuedBytes > 16 * 2 ** 20) await sleep(20);
    if (done % 10_000 === 0) await sleep(0);
  }
}

type Way = readonly [name: string, options: Partial<OtlpLogsOptions>];

/** Something that costs CPU for so many records. */
interface Subject {
  readonly name: string;
  run(count: number): Promise<void>;
  end(): Promise<void>;
}

function delivered([name, options]: Way, records: readonly ConnectionRecord[]): Subject {
  const ledger = new Ledger();
  const exporter = createExporter(options, ledger);
  let total = 0;
  return {
    name,
    async run(count) {
      total += count;
      await feed(exporter, records, count);
      await untilSent(ledger, total);
    },
    end: () => exporter.shutdown(performance.now() + 60_000),
  };
}

/** Without what carries it: what is left of the rest is the transport's. */
function encoded(records: readonly ConnectionRecord[]): Subject {
  const writer = new LogWriter({ attributes: createRecordAttributes({ ownNetworkNamespace }), host });
  return {
    name: 'encoding alone',
    async run(count) {
      for (let number = 0; number < count; number++) {
        writer.add(records[number % records.length] as ConnectionRecord, 1n);
        if (writer.size >= 2 ** 19) writer.take().giveBack?.();
      }
    },
    end: async () => undefined,
  };
}

/** Requests that were encoded beforehand, over a bare stream of HTTP/2 each: what sending costs at the least. */
function bare(port: number, records: readonly ConnectionRecord[]): Subject {
  const writer = new LogWriter({ attributes: createRecordAttributes({ ownNetworkNamespace }), host });
  for (const one of records.slice(0, 500)) writer.add(one, 1n);
  const { bytes, count: each } = writer.take();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  const message = Buffer.concat([prefix, bytes]);
  const session = connect(`http://127.0.0.1:${port}`);
  const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
  const send = async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(message);
    stream.resume();
    await once(stream, 'close');
  };
  return {
    name: 'bare HTTP/2',
    async run(count) {
      for (let done = 0; done < count; done += 4 * each) await Promise.all([send(), send(), send(), send()]);
    },
    end: async () => session.destroy(),
  };
}

const ROUNDS = 5;

/** All of them in turn, round for round, so that what else the machine does meets all. */
async function compare(subjects: readonly Subject[]): Promise<void> {
  const share = records / ROUNDS;
  for (const subject of subjects) await subject.run(50_000);
  const costs = subjects.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, subject] of subjects.entries()) {
      const begin = process.cpuUsage();
      await subject.run(share);
      const { user, system } = process.cpuUsage(begin);
      costs[index]?.push((user + system) / share);
    }
  for (const [index, { name, end }] of subjects.entries()) {
    const rounds = costs[index] as number[];
    console.log(
      `${name}: ${Math.min(...rounds).toFixed(2)} µs CPU a record (${rounds.map((each) => each.toFixed(2))})`,
    );
    await end();
  }
}

/** Takes everything and keeps nothing, so that it is the agent's side that sets the pace. */
const sink = `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: '\${env:COLLECTOR_GRPC_ENDPOINT}' }
      http: { endpoint: '\${env:COLLECTOR_HTTP_ENDPOINT}' }
exporters:
  debug: { verbosity: basic }
extensions:
  health_check: { endpoint: '\${env:COLLECTOR_HEALTH_ENDPOINT}' }
service:
  extensions: [health_check]
  pipelines:
    logs: { receivers: [otlp], exporters: [debug] }
  telemetry: { metrics: { level: none } }
`;

async function cost(): Promise<void> {
  const collector = await startCollector({ directory, config: sink });
  const records = Array.from({ length: 10_000 }, (_, number) => record(number));
  const grpc = { endpoint: `http://127.0.0.1:${collector.grpcPort}`, protocol: 'grpc' } as const;
  const http = { endpoint: `http://127.0.0.1:${collector.httpPort}`, protocol: 'http/protobuf' } as const;
  const ways: Way[] = [
    ['gRPC', grpc],
    ['gRPC, gzip', { ...grpc, compression: 'gzip' }],
    ['HTTP/protobuf', http],
    ['HTTP/protobuf, gzip', { ...http, compression: 'gzip' }],
  ];
  const wanted = ways.filter(([name]) => values.only === undefined || values.only === name);
  try {
    const subjects = wanted.map((way) => delivered(way, records));
    await compare([encoded(records), bare(collector.grpcPort, records), ...subjects]);
  } finally {
    collector.kill();
  }
}

/** Different uids in the files of Collectors, and how many come again. By programs that need no memory for millions of them. */
function countUids(files: readonly string[]): { arrived: number; doubled: number } {
  const uid = `'"log.record.uid","value":{"stringValue":"[^"]*"'`;
  const count = `cat "$@" | grep -o ${uid} | sort | uniq -c | awk '{ n++; again += $1 - 1 } END { print n + 0, again + 0 }'`;
  const env = { ...process.env, LC_ALL: 'C', TMPDIR: directory };
  const [arrived = 0, doubled = 0] = execFileSync('sh', ['-c', count, 'sh', ...files], { env, encoding: 'utf8' })
    .split(' ')
    .map(Number);
  return { arrived, doubled };
}

function sayArrivals(collectors: readonly Collector[], made: number): void {
  const { arrived, doubled } = countUids(collectors.map(({ logsFile }) => logsFile));
  console.log(`${made} records made, ${arrived} arrived, ${made - arrived} missing, ${doubled} doubled`);
}

/** Microseconds of the last one. */
function cpuOfCollector(collectors: readonly Collector[]): number {
  const { pid } = collectors.at(-1) as Collector;
  return sumOf(cpuOf(pid)) / 1000;
}

/** Ten seconds with a Collector, the outage, then until nothing waits; all at the same rate. */
async function outage(): Promise<void> {
  const grpcPort = await freePort();
  const start = (name: string) =>
    startCollector({
      directory: mkdtempSync(join(directory, name)),
      ports: { grpcPort },
      ...(values.sink && { config: sink }),
    });
  const ledger = new Ledger();
  const spool = openSpool({
    directory: join(directory, 'spool'),
    limit: Number(values['spool-gib']) * 2 ** 30,
    ledger,
    say: (text) => console.error(text),
  });
  const exporter = createExporter({ endpoint: `http://127.0.0.1:${grpcPort}`, protocol: 'grpc', spool }, ledger);
  let made = 0;
  const begin = performance.now();
  const load = setInterval(() => {
    const due = Math.floor(((performance.now() - begin) / 1000) * rate);
    exporter.export(Array.from({ length: due - made }, (_, number) => record(made + number)));
    made = due;
  }, 10);
  const collectors: Collector[] = [await start('before')];
  try {
    await sleep(10_000);
    await collectors[0]?.stop();
    const down = performance.now();
    let memory = 0;
    while (performance.now() - down < seconds * 1000) {
      await sleep(500);
      memory = Math.max(memory, exporter.queuedBytes);
    }
    const spooled = spool?.records ?? 0;
    const bytes = spool?.bytes ?? 0;
    collectors.push(await start('after'));
    const back = performance.now();
    const before = { agent: process.cpuUsage(), collector: cpuOfCollector(collectors), sent: sentBy(ledger) };
    let live = 0;
    while (sentBy(ledger) === 0 || (spool?.records ?? 0) > 0) {
      await sleep(20);
      live = Math.max(live, exporter.queuedBytes);
    }
    const drained = (performance.now() - back) / 1000;
    const { user, system } = process.cpuUsage(before.agent);
    const cpu = { agent: user + system, collector: cpuOfCollector(collectors) - before.collector };
    const taken = sentBy(ledger) - before.sent;
    clearInterval(load);
    await exporter.shutdown(performance.now() + 60_000);
    await collectors[1]?.stop();
    console.log(`books: sent ${sentBy(ledger)}, lost ${JSON.stringify(ledger.lost)}`);
    console.log(
      `spool at the end of the outage: ${spooled} records, ${(bytes / 2 ** 20).toFixed(0)} MiB; memory at most ${(memory / 2 ** 20).toFixed(1)} MiB`,
    );
    console.log(
      `drained in ${drained.toFixed(1)} s, ${(spooled / drained).toFixed(0)} records/s beside the live ones, of which at most ${(live / 2 ** 20).toFixed(1)} MiB waited`,
    );
    const perRecord = (microseconds: number) => (microseconds / taken).toFixed(1);
    console.log(
      `CPU of a record meanwhile: the Collector's ${perRecord(cpu.collector)} µs, this side's, which makes the live ones as well, ${perRecord(cpu.agent)} µs; together ${((cpu.agent + cpu.collector) / 1e6 / drained).toFixed(2)} CPUs`,
    );
    if (!values.sink) sayArrivals(collectors, made);
  } finally {
    clearInterval(load);
    for (const collector of collectors) collector.kill();
  }
}

const benches: Readonly<Record<string, () => Promise<void>>> = { cost, outage };
const chosen = positionals.length > 0 ? positionals : ['cost'];
const known = Object.keys(benches).join(' or ');
const runs = chosen.map((name) => benches[name] ?? refuse(`no bench ${name}: expected ${known}`));
for (const run of runs) await run();
