/** Real back ends of the integration tests, each a process of its own that dies with the test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './collector.ts';
import { TIED } from './processes.ts';

const builder = join(import.meta.dirname, '../../scripts/lib/build-backend');

export interface Backend {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** Path of the program; built if it is in no cache, which takes minutes. */
export function program(name: string): string {
  return execFileSync(builder, [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

interface Launch {
  readonly name: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly port: number;
  /** Answers 200 when it is ready. */
  readonly ready: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function launch({ name, args, directory, port, ready, env }: Launch): Promise<Backend> {
  const file = join(directory, `${name}.log`);
  const log = openSync(file, 'w');
  const [command, ...rest] = [...TIED, program(name), ...args];
  const child = spawn(command, rest, {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(child, `${url}${ready}`);
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`${name} did not start; it said:\n${readFileSync(file, 'utf8').slice(-2000)}`, { cause });
  }
  return { port, url, stop: () => stop(child) };
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (
    !(await fetch(url)
      .then((response) => response.ok)
      .catch(() => false))
  ) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`${url} did not answer in 60 s`);
    await sleep(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Takes logs as OTLP/HTTP in protobuf at /insert/opentelemetry/v1/logs. */
export async function startVictoriaLogs(directory: string): Promise<Backend> {
  const port = await freePort();
  const args = [`-storageDataPath=${join(directory, 'vlogs')}`, `-httpListenAddr=127.0.0.1:${port}`];
  return launch({ name: 'victoria-logs', args, directory, port, ready: '/health' });
}

export interface PrometheusOptions {
  /** A port of 127.0.0.1 that it asks for /metrics every second, as the job `scraped`. */
  readonly scrape?: number;
  /** A configuration file to use as it is, instead of one that is made. */
  readonly config?: string;
}

/**
 * Takes metrics as OTLP/HTTP in protobuf at /api/v1/otlp/v1/metrics, with exemplars, native histograms and the begin of
 * each series.
 */
export async function startPrometheus(directory: string, options: PrometheusOptions = {}): Promise<Backend> {
  const port = await freePort();
  const config = options.config ?? configure(directory, options);
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-otlp-receiver',
    '--enable-feature=exemplar-storage,native-histograms,created-timestamp-zero-ingestion',
  ];
  return launch({ name: 'prometheus', args, directory, port, ready: '/-/ready' });
}

function configure(directory: string, { scrape }: PrometheusOptions): string {
  const config = join(directory, 'prometheus.yml');
  const job = `
scrape_configs:
  - { job_name: scraped, scrape_interval: 1s, static_configs: [{ targets: ['127.0.0.1:${scrape}'] }] }
`;
  writeFileSync(config, `otlp: { promote_resource_attributes: [host.name] }\n${scrape === undefined ? '' : job}`);
  return config;
}

export interface Jaeger extends Backend {
  readonly grpcPort: number;
}

export async function startJaeger(directory: string): Promise<Jaeger> {
  const [port, grpcPort, queryPort] = [await freePort(), await freePort(), await freePort()];
  const config = join(directory, 'jaeger.yaml');
  writeFileSync(
    config,
    `
extensions:
  jaeger_storage: { backends: { here: { memory: { max_traces: 100000 } } } }
  jaeger_query:
    storage: { traces: here }
    http: { endpoint: '127.0.0.1:${port}' }
    grpc: { endpoint: '127.0.0.1:${queryPort}' }
receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:${grpcPort}' } } } }
exporters: { jaeger_storage_exporter: { trace_storage: here } }
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: { traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] } }
  telemetry: { metrics: { level: none } }
`,
  );
  // It would trace itself to port 4317.
  const env = { OTEL_TRACES_SAMPLER: 'always_off' };
  const backend = await launch({ name: 'jaeger', args: ['--config', config], directory, port, ready: '/', env });
  return { ...backend, grpcPort };
}
