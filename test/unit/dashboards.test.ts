import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as units from '@grafana/grafana-foundation-sdk/units';
import test from 'ava';
import { renderDashboards } from '../../dashboards/lib/files.ts';
import { agent, labels, metrics } from '../../dashboards/lib/names.ts';
import { labelName } from '../../src/export/health/prometheus.ts';
import { metricAttributeNames } from '../../src/export/semconv.ts';
import { All, type Dashboard, DIRECTORY, interpolate, queriesOf, readDashboards } from '../support/dashboards.ts';

const dashboards = readDashboards();
const queries = dashboards.flatMap(queriesOf);
const expressions = queries.flatMap(({ target }) => (target.expr === undefined ? [] : [target.expr]));
const variableQueries = dashboards.flatMap(({ templating }) =>
  templating.list.filter(({ type }) => type === 'query').map(({ query }) => query),
);

/** As it stands in a dashboard. */
const reference = (variable: string) => `\${${variable}}`;

test('dashboards/*.json are what dashboards/*.ts say; if not: npm run dashboards', (t) => {
  const rendered = renderDashboards();
  t.deepEqual(
    dashboards.map(({ file }) => file),
    [...rendered.keys()].sort(),
  );
  for (const [name, content] of rendered) t.is(readFileSync(join(DIRECTORY, name), 'utf8'), content, name);
});

test('uids are the ones that links and provisioning know', (t) => {
  t.deepEqual(Object.fromEntries(dashboards.map(({ file, uid }) => [file, uid])), {
    'agent.json': 'sockflow-agent',
    'flows.json': 'sockflow-flows',
    'overview.json': 'sockflow-overview',
    'tcp.json': 'sockflow-tcp',
  });
  for (const { tags } of dashboards) t.deepEqual(tags, ['sockflow']);
});

test('links lead to dashboards that there are, and what they hand over cannot end the parameter', (t) => {
  const uids = new Set(dashboards.map(({ uid }) => uid));
  const links = dashboards.flatMap((dashboard) => [...JSON.stringify(dashboard).matchAll(/"url":"([^"]*)"/g)]);
  const urls = links.map(([, url = '']) => url);
  t.true(urls.length > 2);
  for (const url of urls) {
    const [, uid] = /^\/d\/([^?]+)\?/.exec(url) ?? [];
    if (uid === undefined) t.is(url, `${reference('jaeger_page')}/dependencies`);
    else t.true(uids.has(uid), url);
    for (const [, name = '', format] of url.matchAll(/\$\{([^}:]+)(?::(\w+))?\}/g))
      t.true(
        ['__url_time_range', 'jaeger_page'].includes(name) || /^(queryparam|percentencode)$/.test(format ?? ''),
        url,
      );
  }
});

const grafanasUnits = new Set<unknown>(Object.values(units));

for (const dashboard of dashboards)
  test(`${dashboard.title}: every panel says what it is, in what unit, and why it may be empty`, (t) => {
    const ids = dashboard.panels.map(({ id }) => id);
    t.is(new Set(ids).size, ids.length);
    for (const { type, title, description, fieldConfig, targets } of dashboard.panels) {
      t.truthy(title);
      if (type === 'row') continue;
      t.true((description ?? '').length > 20 && /\.$/.test(description ?? ''), `${title}: ${description}`);
      t.truthy(fieldConfig?.defaults.noValue, title);
      t.true((targets ?? []).length > 0, title);
      const { unit } = fieldConfig?.defaults ?? {};
      if (['stat', 'timeseries', 'bargauge'].includes(type)) t.truthy(unit, `${title}: no unit`);
      if (unit !== undefined) t.true(grafanasUnits.has(unit), `${title}: Grafana has no unit ${unit}`);
    }
    const titles = dashboard.panels.filter(({ type }) => type !== 'row').map(({ title }) => title);
    t.is(new Set(titles).size, titles.length, 'a title names one panel');
    t.deepEqual(overlaps(dashboard), []);
  });

test('columns of tables are what their queries return', (t) => {
  let columns = 0;
  for (const { title, targets = [], transformations = [] } of dashboards.flatMap(({ panels }) => panels)) {
    const { renameByName } = transformations.find(({ id }) => id === 'organize')?.options ?? {};
    if (renameByName === undefined) continue;
    const values = targets.length === 1 ? ['Value'] : targets.map(({ refId }) => `Value #${refId}`);
    const named = Object.keys(renameByName);
    t.deepEqual(
      named.filter((name) => name.startsWith('Value')),
      values,
      title,
    );
    for (const name of named.filter((each) => !each.startsWith('Value')))
      for (const { expr = '' } of targets) t.regex(expr, new RegExp(`by \\([^)]*\\b${name}\\b`), title);
    columns += named.length;
  }
  t.true(columns > 20, `${columns}`);
});

function overlaps({ panels }: Dashboard): string[] {
  const places = new Map<string, string>();
  const twice: string[] = [];
  for (const { title, gridPos } of panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (x >= 24) twice.push(`${title} is beyond the edge`);
        const other = places.get(`${x},${y}`);
        if (other !== undefined) twice.push(`${title} is on ${other}`);
        places.set(`${x},${y}`, title);
      }
  return [...new Set(twice)];
}

test('no data source is written down: all of them are chosen', (t) => {
  const sources = JSON.stringify(dashboards).matchAll(/"datasource":\{[^}]*?"uid":"([^"]*)"/g);
  const uids = new Set([...sources].map(([, uid]) => uid));
  t.deepEqual([...uids].sort(), ['jaeger', 'logs', 'prometheus'].map(reference));
  for (const { templating, panels } of dashboards) {
    const chosen = new Set(templating.list.map(({ name }) => name));
    for (const [, name = ''] of JSON.stringify(panels).matchAll(/\$\{?([a-z]\w*)/g)) t.true(chosen.has(name), name);
  }
});

test('what is asked for is in the table of metrics, and every metric is asked for', (t) => {
  const labelled = new Set(Object.values(labels));
  const known = new Map([...Object.entries(metrics), ...Object.entries(agent)].map(([, name]) => [name, false]));
  for (const text of [...expressions, ...variableQueries])
    for (const [name] of text.matchAll(/(?<=[(\s])sockflow_\w+(?=\{|,)/g)) {
      if (labelled.has(name)) continue;
      const metric = known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
      t.true(known.has(metric), name);
      known.set(metric, true);
    }
  t.deepEqual(
    [...known].filter(([, used]) => !used).map(([name]) => name),
    [],
  );
});

test('labels that are asked for are attributes that metrics have or can have', (t) => {
  const known = new Set([...Object.values(labels), ...metricAttributeNames.map(labelName), 'le', 'source', 'target']);
  for (const text of [...expressions, ...variableQueries]) {
    for (const [, label = ''] of text.matchAll(/[{,](\w+)(?:=~|!=|=)/g)) t.true(known.has(label), `${label}: ${text}`);
    for (const [, list = ''] of text.matchAll(/ by \(([\w, ]+)\) \(/g))
      for (const label of list.split(', ')) t.true(known.has(label), `${label}: ${text}`);
  }
});

test('a variable stands in backticks and is formatted as a regular expression, wherever it is in a query', (t) => {
  let seen = 0;
  for (const text of [...expressions, ...variableQueries]) {
    for (const { index } of text.matchAll(/\$\{?(?!__)\w+/g)) {
      t.regex(text.slice(index), /^\$\{\w+:regex\}(?:\)\$)?`/, text);
      t.regex(text.slice(0, index), /~`(?:\^\()?$/, text);
      seen++;
    }
  }
  t.true(seen > 100, `${seen}`);
  for (const { templating } of dashboards)
    for (const { type, regex = '', allValue } of templating.list.filter((each) => each.type === 'query')) {
      t.is(type, 'query');
      t.is(regex, '/^[^`]+$/');
      t.is(allValue, '.*');
    }
});

test('values are put in as Grafana does it', (t) => {
  const x = reference('x:regex');
  const values = [`${reference('x')}.`, 'b|"c"'];
  const filled = interpolate(`a=~\`${x}\`[$__range]`, { x: values, __range: '60s' });
  t.is(filled, String.raw`a=~${'`'}(\$\{x\}\.|b\|"c")${'`'}[60s]`);
  t.is(interpolate(`a=~\`${x}\` $1`, { x: All }), 'a=~`.*` $1');
  t.throws(() => interpolate(reference('x:csv'), { x: ['a'] }), { message: /nothing here is formatted so/ });
});
