import test from 'ava';
import { only, startAgent } from '../support/agent.ts';
import { startPrometheus } from '../support/backends.ts';
import { freePort } from '../support/collector.ts';
import { exchange } from '../support/exchange.ts';
import { withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const CONNECTIONS = 211;
const WAIT = 60_000;

interface Vector {
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

interface ExemplarAnswer {
  readonly data: readonly { readonly exemplars: readonly { labels: Record<string, string>; value: string }[] }[];
}

test.serial(
  'what it scrapes is called as what comes over OTLP; native histograms and exemplars are there',
  async (t) => {
    const health = await freePort();
    const backend = await startPrometheus(temporaryDirectory(t), { scrape: health });
    t.teardown(() => backend.stop());
    const ask = async <Answer>(path: string, query: Record<string, string>): Promise<Answer> => {
      const response = await fetch(`${backend.url}/api/v1/${path}?${new URLSearchParams(query)}`);
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return (await response.json()) as Answer;
    };
    const query = async (text: string) => (await ask<Vector>('query', { query: text })).data.result;
    const number = async (text: string) => Number((await query(text))[0]?.value[1]);
    const names = async (job: string) => {
      const found = await query(`count by (__name__) ({__name__=~"sockflow_agent_.*",job${job}})`);
      return found.map(({ metric }) => metric.__name__).sort();
    };

    await withNamespace(async (namespace) => {
      const env = {
        ...process.env,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${backend.url}/api/v1/otlp/v1/metrics`,
        OTEL_METRICS_EXEMPLAR_FILTER: 'always_on',
      };
      const args = ['--format', 'json', '--histogram', 'exponential', '--metric-interval', '1s'];
      const agent = await startAgent([...only(namespace), ...args, '--health', `${health}`], { env });
      t.teardown(() => agent.kill9());
      const { wanted, clientName } = await exchange(t, namespace, { connections: CONNECTIONS });
      await agent.waitForEnds(namespace, wanted.length);

      const closed = 'sockflow_agent_connection_closed_total{job="scraped",network_transport="tcp"}';
      t.is(
        await settled(
          () => number(closed),
          (value) => value >= wanted.length,
          WAIT,
        ),
        wanted.length,
      );
      t.is(await number('up{job="scraped"}'), 1);

      const duration = `sockflow_connection_duration_seconds{service_name="${clientName}"}`;
      const count = () => number(`histogram_count(${duration})`);
      t.is(await settled(count, (value) => value >= CONNECTIONS, WAIT), CONNECTIONS);
      const median = await number(`histogram_quantile(0.5, ${duration})`);
      t.true(median > 0 && median < 60, `${median}`);

      // Of those that appear with the first event of their kind, one side may know sooner than the other.
      const [scraped, sent] = await settled(
        async () => [await names('="scraped"'), await names('!="scraped"')] as const,
        (both) => both[0].length > 15 && String(both[0]) === String(both[1]),
        WAIT,
      );
      t.true(scraped.length > 15, `${scraped}`);
      t.deepEqual(sent, scraped);

      const range = { start: String(Date.now() / 1000 - 3600), end: String(Date.now() / 1000 + 3600) };
      const exemplars = async () => {
        const { data } = await ask<ExemplarAnswer>('query_exemplars', { query: duration, ...range });
        return data.flatMap((series) => series.exemplars);
      };
      const found = await settled(exemplars, (all) => all.length > 0, WAIT);
      const ids = new Set(agent.records().map(({ attributes }) => attributes['sockflow.connection.id']));
      t.true(found.length > 0);
      for (const { labels } of found) t.true(ids.has(labels['sockflow.connection.id']), JSON.stringify(labels));
      t.is((await agent.stop()).code, 0);
    });
  },
);
