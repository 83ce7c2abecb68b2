/** Starts the small OpenTelemetry Collector that `scripts/setup --test` builds. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TIED } from './processes.ts';

export * from './otlp-json.ts';
export * from './otlp-json-metrics.ts';
export * from './otlp-json-traces.ts';

/** A link to the cached program, made by `scripts/setup --test`. */
export const otelcol = process.env.SOCKFLOW_OTELCOL ?? join(import.meta.dirname, '../../.cache/otelcol');

export interface CollectorOptions {
  /** The caller's; it holds the Collector's files and outlives it. */
  readonly directory: string;
  /**
   * YAML text or a path; of several, later ones override earlier ones. Without it: OTLP into `logsFile`, `metricsFile`
   * and `tracesFile`, nothing in between. A configuration of one's own takes ports and files from the variables in
   * `environment()`.
   */
  readonly config?: string | readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Network namespace to run in: a path such as /proc/PID/ns/net, or a name that `ip netns` knows. */
  readonly netns?: string;
  /** Another Collector than the small one. */
  readonly program?: string;
  /** Where the ports matter, for example to start again where another one stopped. */
  readonly ports?: Partial<Ports>;
}

export interface Ports {
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly healthPort: number;
  readonly prometheusPort: number;
}

export interface Collector extends Ports {
  readonly logsFile: string;
  readonly metricsFile: string;
  readonly tracesFile: string;
  readonly pid: number;
  /** What it has said so far. */
  log(): string;
  /** Asks it to stop and waits: afterwards its files are complete. */
  stop(): Promise<void>;
  /** Ends it at once. */
  kill(): void;
}

export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { program = otelcol } = options;
  if (!existsSync(program)) throw new Error(`no Collector at ${program}: run scripts/setup --test`);
  const ports = { ...(await choosePorts()), ...options.ports };
  const files = filesIn(options.directory);
  const child = launch(options, environment(ports, files), files.output);
  try {
    await untilHealthy(child, ports.healthPort, options.netns);
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`the Collector did not start; it said:\n${tail(files.output)}`, { cause });
  }
  return collectorOf(child, ports, files);
}

/** Runs `otelcol validate`; resolves to what it objects to, the empty string if nothing. */
export async function validateConfig(path: string, program = otelcol): Promise<string> {
  const child = spawn(program, ['validate', '--config', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = await once(child, 'close');
  return code === 0 ? '' : Buffer.concat(said).toString();
}

interface Files {
  readonly logsFile: string;
  readonly metricsFile: string;
  readonly tracesFile: string;
  readonly output: string;
}

function filesIn(directory: string): Files {
  return {
    logsFile: join(directory, 'logs.json'),
    metricsFile: join(directory, 'metrics.json'),
    tracesFile: join(directory, 'traces.json'),
    output: join(directory, 'otelcol.log'),
  };
}

/** The variables that both otel-collector.yaml and the configuration below read. */
function environment(ports: Ports, files: Files): Record<string, string> {
  return {
    COLLECTOR_GRPC_ENDPOINT: `127.0.0.1:${ports.grpcPort}`,
    COLLECTOR_HTTP_ENDPOINT: `127.0.0.1:${ports.httpPort}`,
    COLLECTOR_HEALTH_ENDPOINT: `127.0.0.1:${ports.healthPort}`,
    COLLECTOR_PROMETHEUS_ENDPOINT: `127.0.0.1:${ports.prometheusPort}`,
    COLLECTOR_LOGS_FILE: files.logsFile,
    COLLECTOR_METRICS_FILE: files.metricsFile,
    COLLECTOR_TRACES_FILE: files.tracesFile,
  };
}

const intoFiles = `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: '\${env:COLLECTOR_GRPC_ENDPOINT}', max_recv_msg_size_mib: 16 }
      http: { endpoint: '\${env:COLLECTOR_HTTP_ENDPOINT}' }
exporters:
  file/logs: { path: '\${env:COLLECTOR_LOGS_FILE}', flush_interval: 100ms }
  file/metrics: { path: '\${env:COLLECTOR_METRICS_FILE}', flush_interval: 100ms }
  file/traces: { path: '\${env:COLLECTOR_TRACES_FILE}', flush_interval: 100ms }
extensions:
  health_check: { endpoint: '\${env:COLLECTOR_HEALTH_ENDPOINT}' }
service:
  extensions: [health_check]
  pipelines:
    logs: { receivers: [otlp], exporters: [file/logs] }
    metrics: { receivers: [otlp], exporters: [file/metrics] }
    traces: { receivers: [otlp], exporters: [file/traces] }
  telemetry: { metrics: { level: none } }
`;

function launch(options: CollectorOptions, env: Record<string, string>, output: string): ChildProcess {
  const [command, ...args] = [
    ...prefix(options.netns),
    options.program ?? otelcol,
    ...configArguments(options.config ?? intoFiles),
  ];
  const log = openSync(output, 'w');
  try {
    return spawn(command as string, args, {
      env: { ...process.env, ...env, ...options.env },
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** Neither command forks, so the child's pid is the Collector's. It dies with the test process, however that ends. */
function prefix(netns: string | undefined): string[] {
  return [...enter(netns), ...TIED];
}

function enter(netns: string | undefined): string[] {
  if (netns === undefined) return [];
  return ['nsenter', `--net=${netns.includes('/') ? netns : `/run/netns/${netns}`}`];
}

function configArguments(config: string | readonly string[]): string[] {
  const all = typeof config === 'string' ? [config] : config;
  return all.flatMap((one) => ['--config', one.includes('\n') ? `yaml:${one}` : one]);
}

async function untilHealthy(child: ChildProcess, port: number, netns: string | undefined): Promise<void> {
  const deadline = Date.now() + 30_000;
  let failure: unknown;
  child.once('error', (error) => {
    failure = error;
  });
  while (!(await isHealthy(port, netns))) {
    if (failure) throw failure;
    if (hasEnded(child)) throw new Error(`it ended: ${child.signalCode ?? `exit code ${child.exitCode}`}`);
    if (Date.now() > deadline) throw new Error('its health check did not answer within 30 s');
    await sleep(20);
  }
}

async function isHealthy(port: number, netns: string | undefined): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/`;
  if (netns !== undefined) return isHealthyInside(url, netns);
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

/** Asks from inside the namespace, since its loopback cannot be reached from here. */
async function isHealthyInside(url: string, netns: string): Promise<boolean> {
  const ask = `fetch('${url}').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  const [command, ...args] = [...enter(netns), process.execPath, '-e', ask];
  const child = spawn(command as string, args, { stdio: 'ignore' });
  const [code] = await once(child, 'close');
  return code === 0;
}

function collectorOf(child: ChildProcess, ports: Ports, files: Files): Collector {
  return {
    ...ports,
    ...files,
    pid: child.pid as number,
    log: () => readFileSync(files.output, 'utf8'),
    stop: () => stop(child, files.output),
    kill: () => void child.kill('SIGKILL'),
  };
}

async function stop(child: ChildProcess, output: string): Promise<void> {
  if (hasEnded(child)) return;
  child.kill('SIGTERM');
  await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
  if (child.exitCode !== 0) {
    throw new Error(`the Collector stopped badly (${child.signalCode ?? child.exitCode}):\n${tail(output)}`);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');
}

async function choosePorts(): Promise<Ports> {
  return {
    grpcPort: await freePort(),
    httpPort: await freePort(),
    healthPort: await freePort(),
    prometheusPort: await freePort(),
  };
}

/**
 * Below the range that the kernel gives to outgoing connections, so that none of these takes it meanwhile; each process
 * begins at a place of its own, so that test files that run side by side do not choose the same one.
 */
export async function freePort(): Promise<number> {
  const port = firstPort + ((process.pid * 64 + portsTried++) % numberOfPorts);
  return (await canListen(port)) ? port : freePort();
}

const firstPort = 20_000;
const numberOfPorts = 12_000;
let portsTried = 0;

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
