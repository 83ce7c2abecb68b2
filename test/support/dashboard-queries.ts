/** Queries of panels and menus, sent as Grafana and its plug-ins send them. */
import { All, type Choice, interpolate, type Target, type Variable } from './dashboards.ts';

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

export interface Urls {
  readonly prometheus: string;
  readonly logs: string;
  readonly jaeger: string;
}

/** Whoever asks, and about which time: from `since`, in seconds, to now. */
export interface Asking {
  readonly urls: Urls;
  readonly since: number;
  /** Menus; `All` where nothing is said. */
  readonly choice?: Choice;
}

const MENUS = ['host', 'namespace', 'pod', 'service', 'peer'] as const;

export async function runQuery(target: Target, asking: Asking): Promise<Series[]> {
  const { type } = target.datasource;
  const now = Date.now() / 1000;
  const expression = interpolate(target.expr ?? '', choiceAt(now, asking));
  if (type === 'prometheus') return askPrometheus(expression, target, asking, now);
  if (type === 'jaeger') return askJaeger(asking, now);
  return askLogs(expression, target, asking, now);
}

/** What Grafana works out itself: with 15 s between two values, a rate is taken over four of them. */
function choiceAt(now: number, { since, choice = {} }: Asking): Choice {
  const all = Object.fromEntries(MENUS.map((name) => [name, All]));
  return { ...all, ...choice, __range: `${Math.ceil(now - since)}s`, __rate_interval: '60s' };
}

interface PrometheusAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

async function askPrometheus(query: string, target: Target, { urls, since }: Asking, now: number): Promise<Series[]> {
  const url = `${urls.prometheus}/api/v1/query`;
  const answer = target.instant
    ? await ask<PrometheusAnswer>(url, { query, time: `${now}` })
    : await ask<PrometheusAnswer>(`${url}_range`, { query, start: `${since}`, end: `${now}`, step: '1' });
  return answer.data.result.map(readSeries);
}

function readSeries({ metric, value, values = [] }: PrometheusAnswer['data']['result'][number]): Series {
  const points = value ? [value] : values;
  return { labels: metric, values: points.map(([, text]) => Number(text)).filter(Number.isFinite) };
}

async function askLogs(expression: string, target: Target, { urls, since }: Asking, now: number): Promise<Series[]> {
  const [start, end] = [Math.floor(since), Math.ceil(now)];
  if (target.queryType === 'stats') {
    const query = `_time:[${start}, ${end}] ${expression}`;
    const answer = await ask<PrometheusAnswer>(`${urls.logs}/select/logsql/stats_query`, { query, time: `${end}` });
    return answer.data.result.map(readSeries);
  }
  const lines = await askText(`${urls.logs}/select/logsql/query`, {
    query: expression,
    limit: `${target.maxLines}`,
    start: `${start}`,
    end: `${end}`,
  });
  return lines.map((line) => ({ labels: JSON.parse(line), values: [1] }));
}

interface Dependencies {
  readonly data: readonly { readonly parent: string; readonly child: string; readonly callCount: number }[];
}

async function askJaeger({ urls, since }: Asking, now: number): Promise<Series[]> {
  const query = { endTs: `${Math.ceil(now * 1000)}`, lookback: `${Math.ceil((now - since) * 1000)}` };
  const { data } = await ask<Dependencies>(`${urls.jaeger}/api/dependencies`, query);
  return data.map(({ parent, child, callCount }) => ({ labels: { parent, child }, values: [callCount] }));
}

/** What the menu of a variable offers. */
export async function readMenu({ query, regex = '' }: Variable, asking: Asking): Promise<string[]> {
  const [, selector = '', label] = /^label_values\((.*), (\w+)\)$/s.exec(query) ?? [];
  const match = interpolate(selector, choiceAt(Date.now() / 1000, asking));
  const url = `${asking.urls.prometheus}/api/v1/label/${label}/values`;
  const { data } = await ask<{ data: string[] }>(url, { 'match[]': match, start: `${asking.since}` });
  const filter = new RegExp(regex.slice(1, -1));
  return data.filter((value) => filter.test(value));
}

async function ask<Answer>(url: string, query: Record<string, string>): Promise<Answer> {
  return JSON.parse(await send(url, query)) as Answer;
}

async function askText(url: string, query: Record<string, string>): Promise<string[]> {
  return (await send(url, query)).split('\n').filter((line) => line !== '');
}

/** Throws what the server says against a query. */
async function send(url: string, query: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}?${new URLSearchParams(query)}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${JSON.stringify(query)}: ${response.status} ${text}`);
  return text;
}
