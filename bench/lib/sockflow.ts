/** sockflow in its two usual forms. It watches all of the host, and tells of both ends of each connection. */
import { rmSync } from 'node:fs';
import { type Agent, type AgentOptions, startAgent } from '../../test/support/agent.ts';
import { type Collector, startCollector } from '../../test/support/collector.ts';
import { occurrences } from './count.ts';
import { type Losses, type Outcome, type Subject, scratch } from './subject.ts';

/** From the summary line; undefined when it has no such number. */
function summaryNumber(summary: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(summary)?.[1];
  return found === undefined ? undefined : Number(found);
}

const RECORDS = /(\d+) records/;
const LOST = /\blost (\d+)/;

function lossesIn(summary: string): Losses | undefined {
  const count = summaryNumber(summary, LOST);
  return count === undefined ? undefined : { count, unit: 'records' };
}

/** Each end has a record of its own. */
function outcome(records: number, summary: string): Outcome {
  return { records, connections: records / 2, losses: lossesIn(summary), summary };
}

async function timedStart(args: readonly string[], options: AgentOptions): Promise<{ agent: Agent; seconds: number }> {
  const begin = performance.now();
  const agent = await startAgent(args, options);
  return { agent, seconds: (performance.now() - begin) / 1000 };
}

const traits = { owner: true, bpf: true, threads: true, holdsBackSeconds: 0, missing: () => undefined } as const;

/** The records are those of its summary, so of all the host: what others do meanwhile is among them. */
export const toDevNull: Subject = {
  name: 'sockflow, JSON to /dev/null',
  ...traits,
  async start() {
    const { agent, seconds } = await timedStart(['--format', 'json', '--events', 'close,failed'], { stdout: 'ignore' });
    return {
      pid: agent.pid,
      readySeconds: seconds,
      collectorPid: undefined,
      async stop() {
        const { summary } = await agent.stop();
        return outcome(summaryNumber(summary, RECORDS) ?? 0, summary);
      },
      clear: () => void agent.kill9(),
    };
  },
};

/** Records of the load in the Collector's file; the port may be written as a number or a string. */
function delivered(collector: Collector, port: number): Promise<number> {
  return occurrences(collector.logsFile, new RegExp(`"key":"server\\.port","value":\\{"intValue":"?${port}"?\\}`, 'g'));
}

export const toCollector: Subject = {
  name: 'sockflow, OTLP to a Collector',
  ...traits,
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
        return outcome(await delivered(collector, port), summary);
      },
      clear() {
        void agent.kill9();
        collector.kill();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};
