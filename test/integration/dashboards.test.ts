/**
 * Every query of every panel and menu, against real back ends that have what a real agent saw; and those that show trouble
 * show the trouble that was made. Of metrics both ways to Prometheus: pushed over OTLP, and asked for at the Collector.
 */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Agent } from '../support/agent.ts';
import { type Asking, readMenu, runQuery, type Series } from '../support/dashboard-queries.ts';
import { type Stack, startStack } from '../support/dashboard-stack.ts';
import {
  crowd,
  FAILURES,
  happen,
  hostile,
  hosts,
  nowhere,
  peer,
  pod,
  startBad,
  startGood,
} from '../support/dashboard-workload.ts';
import { type Dashboard, type Query, queriesOf, readDashboards } from '../support/dashboards.ts';
import { withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { eventually, settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const WAIT = 60_000;
const dashboards = readDashboards();
const queries = dashboards.flatMap(queriesOf);
const by = (type: string) => queries.filter(({ target }) => target.datasource.type === type);

const sum = (series: readonly Series[]) => series.reduce((total, { values }) => total + (values.at(-1) ?? 0), 0);
const most = (series: readonly Series[]) => Math.max(...series.flatMap(({ values }) => values));
const having = (series: readonly Series[], wanted: Readonly<Record<string, string>>) =>
  series.filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value));

/** Data that says nothing happened is right here, and wrong everywhere else. */
const nothingToShow = [
  'sockflow / Agents / Books A',
  'sockflow / Agents / Connections, as the kernel side counts them difference',
  'sockflow / Agents / No room in the kernel, without a loss A',
  'sockflow / Agents / Tried again B',
  'sockflow / Agents / Names of containers B',
];

/** Besides that there is data: what it must say. The last values of counters grow until all has arrived. */
const told: Readonly<Record<string, (series: readonly Series[]) => boolean>> = {
  'sockflow / Overview / Why attempts failed A': (series) =>
    Math.round(sum(having(series, { error_type: 'connection_refused' }))) >= FAILURES,
  'sockflow / Flows / Who dials whom edges': (series) =>
    having(series, { source: 'lab-client' }).length > 0 &&
    series.every(({ labels }) => labels.id === `${labels.source} → ${labels.target}`),
  'sockflow / TCP health / Failed attempts A': (series) =>
    most(having(series, { error_type: 'connection_refused' })) > 0,
  'sockflow / TCP health / Who failed to reach whom A': (series) =>
    sum(having(series, { service_name: `dash${process.pid}-dialler`, error_type: 'connection_refused' })) >=
    FAILURES - 0.5,
  'sockflow / TCP health / Connections that broke A': (series) =>
    most(having(series, { error_type: 'connection_reset' })) > 0,
  'sockflow / TCP health / Resets A': (series) =>
    ['transmit', 'receive'].every((way) => most(having(series, { network_io_direction: way })) > 0),
  'sockflow / TCP health / Look-ups that failed A': (series) => most(having(series, { error_type: 'nxdomain' })) > 0,
  'sockflow / Agents / Agents A': (series) => sum(series) === 2,
  'sockflow / Agents / Books A': (series) => sum(series) === 0,
  'sockflow / Agents / Connections, as the kernel side counts them difference': (series) =>
    series.length === 2 && sum(series) === 0,
  'sockflow / Agents / Lost, in all A': (series) =>
    sum(having(series, { host_name: hosts.bad, sockflow_agent_stage: 'kernel', sockflow_agent_reason: 'table_full' })) >
    0,
  'sockflow / Agents / Faults A': (series) => most(having(series, { sockflow_agent_what: 'dns_malformed' })) > 0,
  'sockflow / Agents / Names of containers A': (series) => series.length > 0,
};

interface Place {
  readonly t: ExecutionContext;
  readonly stack: Stack;
  readonly since: number;
}

const askingOf = ({ stack, since }: Place, prometheus: string): Asking => ({
  since,
  urls: { prometheus, logs: stack.logs.url, jaeger: stack.jaeger.url },
});

/** Asks until it says what it has to; what was wrong at the end. */
async function complaint({ name, target }: Query, asking: Asking): Promise<string | undefined> {
  const isRight = (series: readonly Series[]) => {
    const hasData = series.some(({ values }) => values.length > 0);
    const hasMore = nothingToShow.includes(name) || most(series) > 0;
    return hasData && hasMore && (told[name]?.(series) ?? true);
  };
  const series = await settled(() => runQuery(target, asking), isRight, WAIT);
  return isRight(series) ? undefined : `${name}: ${target.expr}\n  ${JSON.stringify(series).slice(0, 2000)}`;
}

async function complaints(some: readonly Query[], asking: Asking): Promise<string[]> {
  const all = await Promise.all(some.map((query) => complaint(query, asking)));
  return all.filter((one) => one !== undefined);
}

test.serial('every query of every panel has data, and trouble is seen', async (t) => {
  for (const name of [...nothingToShow, ...Object.keys(told)])
    t.true(
      queries.some((query) => query.name === name),
      name,
    );
  const place = { t, stack: await startStack(t), since: Math.floor(Date.now() / 1000) - 1 };
  await withTrouble(place, async () => {
    const { pushed, scraping } = place.stack;
    const [overOtlp, scraped] = [askingOf(place, pushed.url), askingOf(place, scraping.url)];
    t.deepEqual(await complaints(queries, overOtlp), [], 'pushed over OTLP');
    t.deepEqual(await complaints(by('prometheus'), scraped), [], 'asked for at the Collector');
    for (const asking of [overOtlp, scraped]) {
      await checkMenus(t, asking);
      await checkHostile(t, asking);
      await checkNative(t, asking, asking === overOtlp);
    }
  });
});

/** The good and the bad host, one after the other so that neither waits for the other's load; both agents run on. */
async function withTrouble(place: Place, body: () => Promise<void>): Promise<void> {
  const { t, stack } = place;
  const spool = join(temporaryDirectory(t), 'spool');
  const collector = `http://127.0.0.1:${stack.collector.httpPort}`;
  const metrics = `${collector}/v1/metrics`;
  await withNamespace(async (bad) => {
    const first = await startBad(t, bad, { spool, metrics, logs: await nowhere() });
    await crowd(bad);
    await seenWaiting(place, first);
    const second = await startBad(t, bad, { spool, metrics, logs: `${collector}/v1/logs` });
    await crowd(bad);
    await withLab(t, async (good) => {
      const agent = await startGood(t, good, stack.collector.grpcPort);
      await happen(t, good);
      await body();
      t.is((await agent.stop()).code, 0);
    });
    t.is((await second.stop()).code, 0);
  });
}

/** Its records wait on disk, and Prometheus has heard of that; then it ends, and leaves them there. */
async function seenWaiting(place: Place, agent: Agent): Promise<void> {
  const { pushed, scraping } = place.stack;
  const waiting = by('prometheus').filter(({ panel }) => panel.title === 'Waiting on disk');
  for (const { url } of [pushed, scraping])
    await eventually(
      'spool in Prometheus',
      () => complaints(waiting, askingOf(place, url)),
      ({ length }) => length === 0,
    );
  await agent.stop();
}

const variables = ({ templating }: Dashboard) => templating.list.filter(({ type }) => type === 'query');

async function checkMenus(t: ExecutionContext, asking: Asking): Promise<void> {
  const wanted: Readonly<Record<string, readonly string[]>> = {
    host: [hosts.bad, hosts.good],
    namespace: [pod.namespace],
    pod: [pod.name],
    service: [`${hostile}-client`, `${hostile}-server`, 'lab-client'],
    peer: [peer],
  };
  for (const dashboard of dashboards)
    for (const variable of variables(dashboard)) {
      const offered = await readMenu(variable, asking);
      for (const value of wanted[variable.name] ?? [`no menu ${variable.name}`])
        t.true(offered.includes(value), `${variable.name}: ${offered}`);
      t.false(offered.some((value) => value.includes('`')));
    }
}

/** A name that means something in every language there is here is a name like others. */
async function checkHostile(t: ExecutionContext, asking: Asking): Promise<void> {
  const service = `${hostile}-client`;
  const choice = { host: [hosts.good, hosts.bad], service: [service] };
  let found = 0;
  for (const { name, target } of [...by('prometheus'), ...by('victoriametrics-logs-datasource')]) {
    const series = await runQuery(target, { ...asking, choice });
    const names = series.flatMap(({ labels }) => labels.service_name ?? labels['service.name'] ?? []);
    t.true(
      names.every((one) => one === service),
      `${name}: ${names}`,
    );
    found += names.length;
  }
  t.true(found > 10, `${found}`);
  const [sent] = by('prometheus').filter(({ name }) => name === 'sockflow / Overview / Processes begun');
  if (!sent) throw new Error('no such panel');
  const two = [service, `${hostile}-server`];
  const both = await runQuery(sent.target, { ...asking, choice: { service: two } });
  t.deepEqual(both.map(({ labels }) => labels.service_name).sort(), two);
}

/** The bad host's agent sends exponential histograms: over OTLP Prometheus has native ones of them. */
async function checkNative(t: ExecutionContext, asking: Asking, isPushed: boolean): Promise<void> {
  const quantiles = by('prometheus').filter(({ panel }) => /^(Handshake|Round-trip time)$/.test(panel.title));
  t.is(quantiles.length, 6);
  for (const { name, target } of quantiles) {
    const series = await runQuery(target, { ...asking, choice: { host: [hosts.bad] } });
    t.is(
      series.some(({ values }) => values.length > 0),
      isPushed,
      `${name} ${JSON.stringify(series).slice(0, 500)}`,
    );
  }
}
