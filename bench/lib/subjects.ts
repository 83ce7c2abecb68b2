/** Who is compared: nobody, sockflow in its two usual forms, and a peer that any Debian has. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, type AgentOptions, startAgent } from '../../test/support/agent.ts';
import { objectsOf } from '../../test/support/bpf.ts';
import { type Collector, startCollector } from '../../test/support/collector.ts';
import type { Namespace } from '../../test/support/netns.ts';
import { finished, settled, TIED } from '../../test/support/processes.ts';

export interface Outcome {
  /** Records of the load that arrived where they were sent. */
  records: number;
  /** As the subject itself says, of all that it saw on this host; undefined when it can't. */
  lost: number | undefined;
  /** Its last words. */
  summary: string;
}

export interface Running {
  pid: number;
  /** From the command to its ready line. */
  readySeconds: number | undefined;
  collectorPid: number | undefined;
  /** Lets it end in order; `port` is the server's in the load. */
  stop(port: number): Promise<Outcome>;
  /** Removes whatever is left of it. */
  clear(): void;
}

export interface Subject {
  name: string;
  /** Why it can't be measured here; undefined when it can. */
  missing(): string | undefined;
  start(namespace: Namespace): Promise<Running>;
}

const PATIENCE = 20_000;

/** Removed at the latest when the bench ends, however it does. */
function scratch(): string {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sockflow-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function occurrences(file: string, pattern: RegExp): number {
  return existsSync(file) ? [...readFileSync(file, 'latin1').matchAll(pattern)].length : 0;
}

/** From the summary line; undefined when it has no such number. */
function summaryNumber(summary: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(summary)?.[1];
  return found === undefined ? undefined : Number(found);
}

const RECORDS = /(\d+) records/;
const LOST = /\blost (\d+)/;

async function timedStart(args: readonly string[], options: AgentOptions): Promise<{ agent: Agent; seconds: number }> {
  const begin = performance.now();
  const agent = await startAgent(args, options);
  return { agent, seconds: (performance.now() - begin) / 1000 };
}

const toDevNull: Subject = {
  name: 'sockflow, JSON to /dev/null',
  missing: () => undefined,
  async start() {
    const { agent, seconds } = await timedStart(['--format', 'json', '--events', 'close,failed'], { stdout: 'ignore' });
    return {
      pid: agent.pid,
      readySeconds: seconds,
      collectorPid: undefined,
      async stop() {
        const { summary } = await agent.stop();
        return {
          records: summaryNumber(summary, RECORDS) ?? 0,
          lost: summaryNumber(summary, LOST),
          summary,
        };
      },
      clear: () => void agent.kill9(),
    };
  },
};

/** Records of the load in the Collector's file; the port may be written as a number or a string. */
function delivered(collector: Collector, port: number): number {
  return occurrences(collector.logsFile, new RegExp(`"key":"server\\.port","value":\\{"intValue":"?${port}"?\\}`, 'g'));
}

const toCollector: Subject = {
  name: 'sockflow, OTLP to a Collector',
  missing: () => undefined,
  async start() {
    const directory = scratch();
    const collector = await startCollector({ directory });
    const endpoint = ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`];
    const { agent, seconds } = await timedStart(endpoint, { stdout: 'ignore' });
    return {
      pid: agent.pid,
      readySeconds: seconds,
      collectorPid: collector.pid,
      async stop(port) {
        const { summary } = await agent.stop();
        await collector.stop();
        return {
          records: delivered(collector, port),
          lost: summaryNumber(summary, LOST),
          summary,
        };
      },
      clear() {
        void agent.kill9();
        collector.kill();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

/** It needs tracefs, which may be mounted for it alone. */
const TRACEFS =
  'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing || exit 1; exec tcplife';

function holdsPrograms(child: ChildProcess): boolean {
  return child.exitCode === null && objectsOf(child.pid ?? 0).prog.size > 0;
}

const tcplife: Subject = {
  name: 'tcplife, text to a file',
  missing: () =>
    spawnSync('tcplife', ['--version']).error ? 'not installed (apt-get install libbpf-tools)' : undefined,
  async start() {
    const directory = scratch();
    const file = join(directory, 'out');
    const out = openSync(file, 'w');
    // It would go on without anybody to read it.
    const [command, ...args] = [...TIED, 'unshare', '--mount', 'sh', '-c', TRACEFS];
    const child = spawn(command, args, { stdio: ['ignore', out, out] });
    closeSync(out);
    if (!(await settled(() => holdsPrograms(child), Boolean, PATIENCE))) {
      child.kill('SIGKILL');
      throw new Error(`tcplife did not start: ${readFileSync(file, 'utf8')}`);
    }
    return {
      pid: child.pid ?? 0,
      readySeconds: undefined,
      collectorPid: undefined,
      async stop(port) {
        child.kill('SIGINT');
        await finished(child);
        return { records: occurrences(file, new RegExp(` ${port} `, 'g')), lost: undefined, summary: '' };
      },
      clear() {
        child.kill('SIGKILL');
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

export const subjects: readonly Subject[] = [toDevNull, toCollector, tcplife];
