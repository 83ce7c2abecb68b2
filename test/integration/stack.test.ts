/** examples/08-stack with real programs: its configurations, the queries of its README, its alerts. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { program } from '../support/backends.ts';
import { validateConfig } from '../support/collector.ts';
import { EXAMPLE, type Stack, startStack } from '../support/dashboard-stack.ts';
import { crowd, happen, LISTENER_CLIENTS, nowhere, startBad, startGood } from '../support/dashboard-workload.ts';
import { withLab } from '../support/lab.ts';
import { withNamespace } from '../support/netns.ts';
import { settled } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { runAttempts } from '../support/workload.ts';

const WAIT = 90_000;
const file = (name: string) => join(EXAMPLE, name);
const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });

test('the rules are well-formed, and alert when they should and not else', (t) => {
  const promtool = program('promtool');
  t.regex(run(promtool, 'check', 'rules', file('alerts.yaml')), /SUCCESS: 7 rules found/);
  t.regex(run(promtool, 'check', 'config', file('prometheus.yaml')), /SUCCESS/);
  t.regex(run(promtool, 'test', 'rules', file('alerts.test.yaml')), /SUCCESS/);
  const alerts = readRules().map(({ alert }) => alert);
  const tested = new Set([...read('alerts.test.yaml').matchAll(/alertname: (\w+)/g)].map(([, name]) => name));
  t.deepEqual([...tested].sort(), alerts.sort(), 'every alert has a test');
});

const read = (name: string) => readFileSync(file(name), 'utf8');

function readRules(): { readonly alert: string; readonly expr: string }[] {
  return parse(read('alerts.yaml')).groups.flatMap(({ rules }: { rules: object[] }) => rules);
}

test('the Collector accepts the configuration for Loki over the other one', async (t) => {
  const collector = program('collector');
  t.is(await validateConfig(file('collector.yaml'), collector), '');
  const both = execFileSync(collector, [
    'validate',
    `--config=${file('collector.yaml')}`,
    `--config=${file('collector-loki.yaml')}`,
  ]);
  t.is(`${both}`, '');
});

interface Service {
  readonly volumes?: readonly string[];
}

test('compose.yaml is well-formed, and what it mounts is what is tested here', (t) => {
  run('docker-compose', '-f', file('compose.yaml'), 'config', '--quiet');
  const services: Record<string, Service> = parse(read('compose.yaml')).services;
  const sources = Object.values(services).flatMap(({ volumes = [] }) =>
    volumes.map((volume) => volume.split(':')[0] ?? ''),
  );
  const mounted = sources.filter((source) => source.startsWith('.'));
  for (const source of mounted) t.true(existsSync(resolve(EXAMPLE, source)), source);
  for (const name of ['collector.yaml', 'prometheus.yaml', 'alerts.yaml']) t.true(mounted.includes(`./${name}`), name);
  const dashboards = readdirSync(resolve(EXAMPLE, '../../dashboards')).filter((name) => name.endsWith('.json'));
  t.deepEqual(
    mounted.filter((source) => source.endsWith('.json')).sort(),
    dashboards.map((name) => `../../dashboards/${name}`).sort(),
  );
});

test.serial('the queries of the README have answers; trouble that was made is an alert', async (t) => {
  const stack = await startStack(t);
  const collector = `http://127.0.0.1:${stack.collector.httpPort}`;
  await withNamespace(async (bad) => {
    const spool = join(temporaryDirectory(t), 'spool');
    await startBad(t, bad, { spool, metrics: `${collector}/v1/metrics`, logs: await nowhere() });
    await crowd(bad);
    await withLab(t, async (good) => {
      await startGood(t, good, stack.collector.grpcPort);
      await runAttempts(good.namespace, 'refused', { count: 20 });
      await happen(t, good);
      await checkQueries(t, stack);
      await checkAlerts(t, stack);
    });
  });
});

/** Blocks of the README in a language. */
function blocks(language: string): string[] {
  return [...read('README.md').matchAll(new RegExp(`\`\`\`${language}\n(.*?)\n\`\`\``, 'gs'))].map(
    ([, text = '']) => text,
  );
}

async function checkQueries(t: ExecutionContext, { pushed, logs }: Stack): Promise<void> {
  t.deepEqual([blocks('promql').length, blocks('logsql').length], [3, 3]);
  const promql = blocks('promql').map((query) => async () => {
    const series = await ask<Vector>(`${pushed.url}/api/v1/query`, { query });
    return series.data.result.filter(({ value }) => Number(value[1]) > 0).length;
  });
  const logsql = blocks('logsql').map((query) => async () => {
    const text = await (await send(`${logs.url}/select/logsql/query`, { query })).text();
    return text.split('\n').filter((line) => line !== '').length;
  });
  for (const [index, count] of [...promql, ...logsql].entries())
    t.true((await settled(count, (found) => found > 0, WAIT)) > 0, `query ${index} of the README`);
}

interface Vector {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

interface Rules {
  readonly data: { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  /** `unknown`: not looked at yet. */
  readonly state: 'unknown' | 'inactive' | 'pending' | 'firing';
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[];
}

/** What lasts only in the tests of promtool is pending here. */
const alerting = ['SockflowLosesRecords', 'ConnectsFail', 'SegmentsSentAgain', 'ListenerDrops'];

async function checkAlerts(t: ExecutionContext, { pushed }: Stack): Promise<void> {
  const rules = await settled(
    async () => (await ask<Rules>(`${pushed.url}/api/v1/rules`)).data.groups.flatMap((group) => group.rules),
    (all) => all.every(({ name, state }) => state !== 'unknown' && (!alerting.includes(name) || state !== 'inactive')),
    WAIT,
  );
  const active = rules.filter(({ state }) => state !== 'inactive').map(({ name }) => name);
  t.deepEqual(active.sort(), [...alerting].sort());
  for (const { name, health, lastError } of rules) t.is(health, 'ok', `${name}: ${lastError}`);
  const of = (wanted: string) => rules.find(({ name }) => name === wanted)?.alerts.map(({ labels }) => labels) ?? [];
  t.true(
    of('SockflowLosesRecords').some(
      (labels) => labels.host_name === 'bad.example' && labels.sockflow_agent_reason === 'table_full',
    ),
  );
  t.true(
    of('ConnectsFail').some((labels) => labels.host_name === 'good.example' && labels.service_name === 'attempts'),
  );
  t.true(
    of('ListenerDrops').some(({ service_name }) => service_name === 'lab-server'),
    `${LISTENER_CLIENTS} had no room`,
  );
  await checkNames(t, pushed.url);
}

/** A metric or label that there is not would be an alert that never comes. */
async function checkNames(t: ExecutionContext, url: string): Promise<void> {
  const { data } = await ask<{ data: string[] }>(`${url}/api/v1/label/__name__/values`);
  const names = readRules().flatMap(({ expr }) => expr.match(/\bsockflow_[a-z_]+(?=[{[)\s])/g) ?? []);
  const labels = new Set((await ask<{ data: string[] }>(`${url}/api/v1/labels`)).data);
  for (const name of names.filter((one) => !labels.has(one))) t.true(data.includes(name), name);
  const grouped = readRules().flatMap(({ expr }) =>
    [...expr.matchAll(/(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', ')),
  );
  for (const label of new Set(grouped)) t.true(labels.has(label), label);
}

async function send(url: string, query: Readonly<Record<string, string>>): Promise<Response> {
  const response = await fetch(`${url}?${new URLSearchParams(query)}`);
  if (!response.ok) throw new Error(`${JSON.stringify(query)}: ${response.status} ${await response.text()}`);
  return response;
}

const ask = async <Answer>(url: string, query: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  (await (await send(url, query)).json()) as Answer;
