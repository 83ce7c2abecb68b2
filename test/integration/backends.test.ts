import test, { type ExecutionContext } from 'ava';
import { type AgentOptions, only, startAgent } from '../support/agent.ts';
import { startJaeger, startPrometheus, startVictoriaLogs } from '../support/backends.ts';
import { exchange } from '../support/exchange.ts';
import { type Namespace, withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { copyOf, runAttempts } from '../support/workload.ts';

const CONNECTIONS = 101;
const FAILURES = 7;
const WAIT = 30_000;

async function ask<Answer>(url: string, query: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}?${new URLSearchParams(query)}`);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** CONNECTIONS from one program to another, and FAILURES of a third, seen by an agent that has ended. */
async function observe(
  t: ExecutionContext,
  namespace: Namespace,
  prefix: string,
  args: readonly string[],
  options: AgentOptions,
) {
  const agent = await startAgent([...only(namespace), '--format', 'json', ...args], options);
  t.teardown(() => agent.kill9());
  const done = await exchange(t, namespace, { connections: CONNECTIONS, prefix });
  const dialler = `${prefix}-dialler`;
  const file = copyOf('attempts', temporaryDirectory(t), dialler);
  const failures = await runAttempts(namespace, 'refused', { file, count: FAILURES });
  await agent.waitForEnds(namespace, done.wanted.length + failures.attempts);
  const { code, stderr } = await agent.stop();
  t.is(code, 0, String(stderr));
  const sum = (way: 'sent' | 'received') => done.client.connections.reduce((total, one) => total + one[way], 0);
  return { ...done, dialler, failures: failures.attempts, sent: sum('sent'), received: sum('received') };
}

test.serial('VictoriaLogs has every record, and its sums are those of the workload', async (t) => {
  const backend = await startVictoriaLogs(temporaryDirectory(t));
  t.teardown(() => backend.stop());
  const env = {
    ...process.env,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${backend.url}/insert/opentelemetry/v1/logs`,
  };
  await withNamespace(async (namespace) => {
    const prefix = `vl${process.pid}`;
    const { clientName, sent, received, dialler, failures } = await observe(t, namespace, prefix, [], { env });
    const count = async (query: string) => {
      const response = await fetch(`${backend.url}/select/logsql/query?${new URLSearchParams({ query })}`);
      return JSON.parse((await response.text()) || '{}') as Record<string, string>;
    };
    const bytes = 'sockflow.connection';
    const sums = `stats count() as n, sum("${bytes}.sent.bytes") as sent, sum("${bytes}.received.bytes") as received`;
    const found = await settled(
      () => count(`"service.name":="${clientName}" | ${sums}`),
      ({ n }) => Number(n) >= CONNECTIONS,
      WAIT,
    );
    t.deepEqual([found.n, found.sent, found.received].map(Number), [CONNECTIONS, sent, received]);
    const failed = await settled(
      () => count(`"service.name":="${dialler}" "error.type":="connection_refused" | stats count() as n`),
      ({ n }) => Number(n) >= failures,
      WAIT,
    );
    t.is(Number(failed.n), failures);
  });
});

interface PromAnswer {
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

test.serial('Prometheus answers with the right numbers, under names that it finds good', async (t) => {
  const backend = await startPrometheus(temporaryDirectory(t));
  t.teardown(() => backend.stop());
  const env = {
    ...process.env,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${backend.url}/api/v1/otlp/v1/metrics`,
  };
  await withNamespace(async (namespace) => {
    const prefix = `prom${process.pid}`;
    const { clientName, dialler, failures, sent, received } = await observe(t, namespace, prefix, [], { env });
    const query = async (text: string) => {
      const { data } = await ask<PromAnswer>(`${backend.url}/api/v1/query`, { query: text });
      return data.result.reduce((sum, { value }) => sum + Number(value[1]), 0);
    };
    const reached = async (text: string, wanted: number) => {
      const value = await settled(
        () => query(text),
        (sum) => sum >= wanted,
        WAIT,
      );
      t.is(value, wanted, text);
    };
    const of = `{service_name="${clientName}"}`;
    const moved = (direction: string) =>
      `sockflow_connection_io_bytes_total{service_name="${clientName}",network_io_direction="${direction}"}`;
    const failed = `sockflow_connection_failed_total{service_name="${dialler}",error_type="connection_refused"}`;
    await reached(`sockflow_connection_closed_total${of}`, CONNECTIONS);
    await reached(`sockflow_connection_opened_total${of}`, CONNECTIONS);
    await reached(`sockflow_connection_duration_seconds_count${of}`, CONNECTIONS);
    await reached(moved('transmit'), sent);
    await reached(moved('receive'), received);
    await reached(failed, failures);
    await reached('count(sockflow_agent_received_total)', 1);
  });
});

interface JaegerSpan {
  readonly traceID: string;
  readonly operationName: string;
  readonly references: readonly { refType: string; spanID: string }[];
  readonly spanID: string;
  readonly tags: readonly { key: string; value: unknown }[];
  readonly logs: readonly { fields: readonly { key: string; value: unknown }[] }[];
  readonly processID: string;
}

interface JaegerTraces {
  readonly data: readonly {
    readonly spans: readonly JaegerSpan[];
    readonly processes: Record<string, { serviceName: string }>;
  }[];
}

test.serial('Jaeger shows services, who calls whom, and which calls failed', async (t) => {
  const jaeger = await startJaeger(temporaryDirectory(t));
  t.teardown(() => jaeger.stop());
  const args = ['--traces', '--no-logs', '--no-metrics', '--otlp-endpoint', `http://127.0.0.1:${jaeger.grpcPort}`];
  await withNamespace(async (namespace) => {
    const prefix = `jaeger${process.pid}`;
    const { clientName, serverName, dialler, failures } = await observe(t, namespace, prefix, args, {});
    const { data: services } = await settled(
      () => ask<{ data: string[] | null }>(`${jaeger.url}/api/services`),
      ({ data }) => [clientName, serverName, dialler].every((name) => data?.includes(name)),
      WAIT,
    );
    t.true([clientName, serverName, dialler].every((name) => services?.includes(name)));

    const tracesOf = (service: string, count: number) =>
      settled(
        () => ask<JaegerTraces>(`${jaeger.url}/api/traces`, { service, limit: '1000' }),
        ({ data }) => data.flatMap(({ spans }) => spans).length >= count,
        WAIT,
      );
    const traces = await tracesOf(clientName, 2 * CONNECTIONS);
    t.is(traces.data.length, CONNECTIONS);
    for (const { spans, processes } of traces.data) {
      t.is(spans.length, 2, 'both ends are one trace');
      const by = (name: string) => spans.find(({ processID }) => processes[processID]?.serviceName === name);
      const [client, server] = [by(clientName), by(serverName)];
      t.deepEqual(
        server?.references.map(({ refType, spanID }) => [refType, spanID]),
        [['CHILD_OF', client?.spanID]],
      );
      t.true(client?.logs.some(({ fields }) => fields.some(({ value }) => value === 'handshake')));
    }

    const failed = await tracesOf(dialler, failures);
    t.is(failed.data.length, failures);
    for (const { tags } of failed.data.flatMap(({ spans }) => spans)) {
      const tag = (wanted: string) => tags.find(({ key }) => key === wanted)?.value;
      t.deepEqual([tag('error'), tag('error.type')], [true, 'connection_refused']);
    }

    const now = { endTs: String(Date.now() + 60_000), lookback: '3600000' };
    const askCalls = () =>
      ask<{ data: { parent: string; child: string; callCount: number }[] }>(`${jaeger.url}/api/dependencies`, now);
    const call = await settled(
      async () => (await askCalls()).data.find(({ parent, child }) => parent === clientName && child === serverName),
      (found) => (found?.callCount ?? 0) >= CONNECTIONS,
      WAIT,
    );
    t.is(call?.callCount, CONNECTIONS);
  });
});
