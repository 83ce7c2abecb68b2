import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import test from 'ava';
import { readHost, readOwnNetworkNamespace } from '../../../src/export/host.ts';
import {
  agentMetrics,
  connectionMetrics,
  createRecordAttributes,
  eventNames,
  hostAttributes,
  metricAttributeKeys,
  resourceAttributes,
} from '../../../src/export/semconv.ts';

const recordAttributes = createRecordAttributes({ ownNetworkNamespace: 1 });
const everyAttribute = [...hostAttributes, ...resourceAttributes, ...recordAttributes];
const everyKey = [...everyAttribute.map(({ key }) => key), ...Object.values(metricAttributeKeys)];
const everyMetric = [...Object.values(connectionMetrics), ...Object.values(agentMetrics)];

const registry = new Set(
  Object.entries(conventions).flatMap(([name, value]) => (name.startsWith('ATTR_') ? [String(value)] : [])),
);
// In the specification of the metrics SDK, not in the conventions.
const specified = new Set(['otel.metric.overflow']);

test('each key is in the conventions or is ours', (t) => {
  const strangers = everyKey.filter((key) => !key.startsWith('sockflow.') && !registry.has(key) && !specified.has(key));
  t.deepEqual(strangers, []);
});

test('no key that the conventions have is claimed by us', (t) => {
  t.deepEqual(
    [...registry].filter((key) => key.startsWith('sockflow.')),
    [],
  );
});

/** Keys whose declaration carries @deprecated. */
function deprecatedKeys(): Set<string> {
  const index = createRequire(import.meta.url).resolve('@opentelemetry/semantic-conventions/incubating');
  const keys = new Set<string>();
  for (const file of ['stable_attributes.d.mts', 'experimental_attributes.d.mts']) {
    const text = readFileSync(new URL(file, `file://${index}`), 'utf8');
    for (const [, comment, key] of text.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*declare const ATTR_\w+: "([^"]+)"/g,
    ))
      if (comment?.includes('@deprecated') && key) keys.add(key);
  }
  return keys;
}

test('no key is deprecated', (t) => {
  const deprecated = deprecatedKeys();
  t.true(deprecated.has('net.peer.name'), 'the list of deprecated keys was read');
  t.deepEqual(
    everyKey.filter((key) => deprecated.has(key)),
    [],
  );
});

test('no name is there twice', (t) => {
  const keys = everyAttribute.map(({ key }) => key);
  t.is(new Set(keys).size, keys.length);
  for (const names of [everyMetric.map(({ name }) => name), Object.values(eventNames)])
    t.is(new Set(names).size, names.length);
});

test('names are lower case words with dots, and every text is well formed', (t) => {
  for (const name of [...everyKey, ...everyMetric.map((metric) => metric.name), ...Object.values(eventNames)])
    t.regex(name, /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/);
  for (const { description, when } of everyAttribute) t.true(description.isWellFormed() && when.length > 0);
});

test('bounds of histograms rise', (t) => {
  for (const metric of everyMetric)
    if ('bounds' in metric)
      t.deepEqual(
        [...metric.bounds].sort((a, b) => a - b),
        [...metric.bounds],
      );
});

test('the host is read', (t) => {
  const host = readHost();
  t.regex(host.agentVersion, /^\d+\.\d+\.\d+/);
  t.true(host.name.length > 0);
  t.is(readHost('/nonexistent').id, undefined);
  t.true(readOwnNetworkNamespace() > 0);
});

test('docs/attributes.md is what the table says', (t) => {
  t.notThrows(() => execFileSync(process.execPath, ['scripts/generate-attributes.ts', '--check'], { stdio: 'pipe' }));
});
