import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { only, spawnAgent, startAgent } from '../support/agent.ts';
import { freePort, startCollector } from '../support/collector.ts';
import { exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { PATIENCE, result, settled } from '../support/processes.ts';
import { type Family, parsePrometheus } from '../support/prometheus-text.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CONNECTIONS = 211;

async function agentWithHealth(t: ExecutionContext, args: readonly string[]) {
  const port = await freePort();
  const agent = await startAgent(['--format', 'json', '--health', String(port), ...args]);
  t.teardown(() => agent.kill9());
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { agent, port, get, metrics: async () => parsePrometheus((await get('/metrics')).text) };
}

/** Over all samples with this name and these labels. */
function sumOf(families: ReadonlyMap<string, Family>, name: string, labels: Record<string, string> = {}): number {
  const samples = [...families.values()].flatMap((family) => family.samples).filter((sample) => sample.name === name);
  const found = samples.filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text));
  return found.reduce((sum, { value }) => sum + value, 0);
}

test.serial('the agent says that it lives and is ready, and its books are those of the summary', async (t) => {
  await withNamespace(async (namespace) => {
    const { agent, port, get, metrics } = await agentWithHealth(t, only(namespace));
    t.true(agent.ready.includes(`health on 127.0.0.1:${port}`), agent.ready);
    t.like(await get('/livez'), { status: 200, text: 'ok\n' });
    t.like(await get('/readyz'), { status: 200, text: 'ok\n' });
    const { wanted } = await exchange(t, namespace, { connections: CONNECTIONS });
    await agent.waitForEnds(namespace, wanted.length);

    const families = await metrics();
    for (const transport of ['tcp', 'udp']) {
      const of = (name: string) => sumOf(families, name, { network_transport: transport });
      const [opened, closed, live] = ['opened_total', 'closed_total', 'live'].map((which) =>
        of(`sockflow_agent_connection_${which}`),
      ) as [number, number, number];
      t.is(opened, closed + live, `${transport}: nothing was lost in the kernel`);
    }
    t.is(sumOf(families, 'sockflow_agent_connection_closed_total', { network_transport: 'tcp' }), wanted.length);
    t.is(sumOf(families, 'sockflow_agent_lost_total'), 0);
    t.true(sumOf(families, 'sockflow_agent_received_total') >= wanted.length);
    t.is(sumOf(families, 'sockflow_agent_capability', { sockflow_agent_capability_name: 'use_calls' }), 1);
    t.true(sumOf(families, 'sockflow_agent_memory_usage_bytes') > 2 ** 24);
    t.true(sumOf(families, 'sockflow_agent_cpu_time_seconds_total') > 0);
    t.true(sumOf(families, 'sockflow_agent_eventloop_delay_seconds_count') > 0);

    const { code, summary } = await agent.stop();
    t.is(code, 0);
    const [, received] = /(\d+) records/.exec(summary) ?? [];
    t.true(Number(received) >= sumOf(families, 'sockflow_agent_received_total'));
    await t.throwsAsync(() => get('/livez'));
  });
});

test.serial('with OTLP, its queues and requests are there as well, with or without metrics over OTLP', async (t) => {
  const collector = await startCollector({ directory: temporaryDirectory(t) });
  t.teardown(() => collector.kill());
  const to = ['--otlp-endpoint', `http://127.0.0.1:${collector.grpcPort}`];
  await withNamespace(async (namespace) => {
    for (const more of [[], ['--no-metrics']]) {
      const args = [...only(namespace), ...to, ...more];
      const { agent, metrics } = await agentWithHealth(t, args);
      const { wanted } = await exchange(t, namespace, { connections: CONNECTIONS });
      await agent.waitForEnds(namespace, wanted.length);
      const exporter = { sockflow_agent_exporter: 'otlp-logs' };
      const families = await settled(
        metrics,
        (now) => sumOf(now, 'sockflow_agent_sent_total', exporter) >= wanted.length,
        PATIENCE,
      );
      t.is(sumOf(families, 'sockflow_agent_sent_total', exporter), wanted.length);
      t.is(sumOf(families, 'sockflow_agent_queue_size_bytes', exporter), 0);
      t.true(sumOf(families, 'sockflow_agent_export_duration_seconds_count', exporter) > 0);
      t.is(sumOf(families, 'sockflow_agent_export_retries_total', exporter), 0);
      t.is((await agent.stop()).code, 0);
    }
  });
});

test.serial('flows that wait for ntopng are in the books', async (t) => {
  await withNamespace(async (namespace) => {
    const to = ['-z', `tcp://127.0.0.1:${await freePort()}`];
    const { agent, metrics } = await agentWithHealth(t, [...only(namespace), ...to]);
    await exchange(t, namespace, { connections: CONNECTIONS });
    const waiting = { sockflow_agent_exporter: 'ntopng' };
    const of = (families: ReadonlyMap<string, Family>) => sumOf(families, 'sockflow_agent_queue_size_bytes', waiting);
    const families = await settled(metrics, (now) => of(now) > 50 * CONNECTIONS, PATIENCE);
    t.true(of(families) > 50 * CONNECTIONS, 'a flow has some 140 bytes, and nobody reads');
    await agent.stop();
  });
});

/** Ports that a process listens on, TCP. */
function listening(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  const lines = ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').slice(1),
  );
  const fields = lines.map((line) => line.trim().split(/\s+/)).filter(([, , , state]) => state === '0A');
  return fields.filter(([, , , , , , , , , inode]) => sockets.has(inode)).map(([, local]) => String(local));
}

test.serial('unasked it listens nowhere; asked for a port alone, on the loopback', async (t) => {
  await withNamespace(async (namespace) => {
    const silent = await startAgent([...only(namespace), '--format', 'none']);
    t.teardown(() => silent.kill9());
    t.deepEqual(listening(silent.pid), []);
    await silent.stop();
    const { agent, port } = await agentWithHealth(t, only(namespace));
    t.deepEqual(listening(agent.pid), [`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`]);
    await agent.stop();
  });
});

test.serial('a port in use is a clear end at the start', async (t) => {
  await withNamespace(async (namespace) => {
    const { agent, port } = await agentWithHealth(t, only(namespace));
    const { code, stderr } = await result(spawnAgent([...only(namespace), '--health', String(port)]));
    t.is(code, 1);
    t.is(
      stderr.trim(),
      `sockflow: cannot start: --health 127.0.0.1:${port} is in use by another program; choose another port`,
    );
    await agent.stop();
  });
});
