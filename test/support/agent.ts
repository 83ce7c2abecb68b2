/** The agent as its users start it: bin/sockflow, its ready line, its records, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { noteHidden } from './hidden.ts';
import type { Namespace } from './netns.ts';

export const SOCKFLOW = join(import.meta.dirname, '../../bin/sockflow');

type Value = string | number | boolean | readonly string[] | undefined;

/** A line of `--format json`. */
export interface JsonRecord {
  readonly timestamp: string;
  readonly event_name: string;
  readonly severity_number: number;
  readonly resource: Readonly<Record<string, Value>>;
  readonly attributes: Readonly<Record<string, Value>>;
}

/** An attribute of the record, or of the process that it belongs to. */
export function attribute(record: JsonRecord, name: string): Value {
  return record.attributes[name] ?? record.resource[name];
}

/** The records of connections made inside a namespace; what else the host does meanwhile is none of the test's business. */
export function within(namespace: Namespace, records: readonly JsonRecord[]): JsonRecord[] {
  return records.filter((record) => attribute(record, 'sockflow.network.namespace') === namespace.inode);
}

/** For a test that can do without the noise of a busy host: the namespace alone. Others watch all of the host, as users do. */
export function only(namespace: Namespace): string[] {
  return ['--network-namespace', String(namespace.inode)];
}

export function ends(records: readonly JsonRecord[]): JsonRecord[] {
  return records.filter((record) => /\.(close|failed)$/.test(record.event_name));
}

export interface AgentOptions {
  /** Where the agent itself runs; the host's namespace by default. It sees all of them from anywhere. */
  namespace?: Namespace;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** A command that executes what follows it, e.g. unshare. */
  through?: readonly string[];
  /** Where stdout goes instead of being read. */
  stdout?: number | 'ignore';
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Last line on stderr. */
  summary: string;
  stderr: string;
  records: readonly JsonRecord[];
}

const PATIENCE = 60_000;

export class Agent {
  readonly ready: string;
  readonly #child: ChildProcess;
  readonly #records: JsonRecord[] = [];
  /** Lines that are no JSON. */
  readonly #broken: string[] = [];
  readonly #stderr: string[];
  #news: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(child: ChildProcess, stderr: string[], ready: string) {
    this.#child = child;
    this.#stderr = stderr;
    this.ready = ready;
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#add(line));
    child.once('close', () => this.#news.resolve());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stderr(): string {
    return this.#stderr.join('\n');
  }

  records(): readonly JsonRecord[] {
    return this.#records;
  }

  #add(line: string): void {
    noteHidden(line);
    try {
      this.#records.push(JSON.parse(line));
    } catch {
      this.#broken.push(line);
    }
    this.#news.resolve();
  }

  /** Waits until the records so far satisfy `enough`; looks again whenever more have come. */
  async waitFor(
    what: string,
    enough: (records: readonly JsonRecord[]) => boolean,
    ms = PATIENCE,
  ): Promise<readonly JsonRecord[]> {
    const late = AbortSignal.timeout(ms);
    while (!enough(this.#records)) {
      if (!this.running) throw new Error(`the agent ended before ${what}: ${this.stderr}`);
      this.#news = Promise.withResolvers();
      const timeout = once(late, 'abort');
      if (late.aborted) throw new Error(`no ${what} in ${ms} ms; ${this.#records.length} records; ${this.stderr}`);
      await Promise.race([this.#news.promise, timeout]);
    }
    return this.#records;
  }

  /** Waits until this many connections of the namespace have ended. More may follow: stop() tells. */
  async waitForEnds(namespace: Namespace, count: number): Promise<void> {
    await this.waitFor(`${count} ends`, (records) => ends(within(namespace, records)).length >= count);
  }

  /** Asks it to stop and waits for its end; every record that it ever wrote is in the result. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended> {
    if (this.running) {
      const closed = once(this.#child, 'close');
      this.#child.kill(signal);
      const overdue = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
      await closed;
      clearTimeout(overdue);
    }
    return this.#ended();
  }

  /** Waits for an end that the agent reaches by itself. */
  async ended(): Promise<Ended> {
    if (this.running) await once(this.#child, 'close');
    return this.#ended();
  }

  async kill9(): Promise<Ended> {
    return this.stop('SIGKILL');
  }

  #ended(): Ended {
    // Only who is killed may stop in the middle of a line.
    const allowed = this.#child.signalCode === 'SIGKILL' ? 1 : 0;
    if (this.#broken.length > allowed) throw new Error(`not a JSON line: ${this.#broken[0]}`);
    return {
      code: this.#child.exitCode,
      signal: this.#child.signalCode,
      summary: this.#stderr.at(-1) ?? '',
      stderr: this.stderr,
      records: this.#records,
    };
  }
}

/** The command line of an agent with these arguments. */
export function commandLine(args: readonly string[], options: AgentOptions = {}): string[] {
  const enter = options.namespace ? ['nsenter', `--net=${options.namespace.path}`] : [];
  return [...enter, ...(options.through ?? []), SOCKFLOW, ...args];
}

/** Of what begins like the agent's settings, this one marks the processes of a test run and has to stay. */
const NO_SETTING = 'SOCKFLOW_TEST_RUN';

/** The environment of this test without what would change the agent's configuration, or where it keeps compiled code. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const isSetting = (name: string) =>
    (/^(OTEL|SOCKFLOW)_/.test(name) && name !== NO_SETTING) || name === 'NODE_COMPILE_CACHE';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)));
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts the agent, without waiting for anything. */
export function spawnAgent(args: readonly string[], options: AgentOptions = {}): ChildProcess {
  const [file = '', ...rest] = commandLine(args, options);
  const child = spawn(file, rest, {
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...options.env },
    cwd: options.cwd,
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Starts the agent and waits until it says that no connection is missed from now on. */
export async function startAgent(args: readonly string[] = [], options: AgentOptions = {}): Promise<Agent> {
  const child = spawnAgent(args, options);
  const stderr: string[] = [];
  if (!child.stderr) throw new Error('no stderr');
  const lines = createInterface({ input: child.stderr });
  const ready = new Promise<Agent>((resolve, reject) => {
    lines.on('line', (line) => {
      stderr.push(line);
      noteHidden(line);
      if (line.startsWith('sockflow: ready')) resolve(new Agent(child, stderr, line));
    });
    child.once('error', reject);
    child.once('close', (code, signal) =>
      reject(new Error(`the agent ended with ${signal ?? code} before it was ready: ${stderr.join('\n')}`)),
    );
  });
  const overdue = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  try {
    return await ready;
  } finally {
    clearTimeout(overdue);
  }
}

/** An agent that prints JSON lines, for the time of `body`. */
export async function withAgent<T>(
  args: readonly string[],
  body: (agent: Agent) => Promise<T>,
  options: AgentOptions = {},
): Promise<T> {
  const agent = await startAgent(args, options);
  try {
    return await body(agent);
  } finally {
    await agent.stop('SIGKILL');
  }
}

/** All that an agent said about a workload: from before its first connection to after the agent's orderly end. */
export async function observe(
  namespace: Namespace,
  args: readonly string[],
  workload: (agent: Agent) => Promise<number>,
): Promise<Ended & { ends: JsonRecord[]; within: JsonRecord[] }> {
  return withAgent(['--format', 'json', ...args], async (agent) => {
    const expected = await workload(agent);
    await agent.waitForEnds(namespace, expected);
    const ended = await agent.stop();
    const all = within(namespace, ended.records);
    return { ...ended, within: all, ends: ends(all) };
  });
}
