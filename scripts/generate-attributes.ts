/** Writes docs/attributes.md from the table of names (src/export/semconv.ts). `--check` only compares and fails when they differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import {
  type Attribute,
  agentMetrics,
  connectionMetrics,
  createLookupAttributes,
  createRecordAttributes,
  defaultMetricAttributes,
  hostAttributes,
  lookupMetric,
  type MetricDefinition,
  metricAttributeNames,
  resourceAttributes,
  schemaUrl,
} from '../src/export/semconv.ts';

const target = 'docs/attributes.md';

function attributeRow({ key, type, description, when, values }: Attribute<never>): string {
  const what = values ? `${description}: ${values.join(', ')}` : description;
  return `| ${key} | ${type} | ${inCell(what)} | ${inCell(when)} |`;
}

const inCell = (text: string) => text.replaceAll('|', '\\|');

function attributeTable(attributes: readonly Attribute<never>[]): string {
  return ['| attribute | type | what it is | when |', '|---|---|---|---|', ...attributes.map(attributeRow)].join('\n');
}

function metricTable(metrics: readonly MetricDefinition[]): string {
  const rows = metrics.map(({ name, instrument, unit, description, bounds }) => {
    const buckets = bounds ? ` Bounds: ${bounds.join(' ')}` : '';
    return `| ${name} | ${instrument} | ${unit} | ${inCell(description + buckets)} |`;
  });
  return ['| metric | instrument | unit | what it is |', '|---|---|---|---|', ...rows].join('\n');
}

function render(): string {
  const ownNetworkNamespace = 0;
  const more = metricAttributeNames.filter((name) => !defaultMetricAttributes.includes(name));
  return `# Every attribute and every metric

Made from src/export/semconv/ by scripts/generate-attributes.ts. Schema: ${schemaUrl}. The same names are in
\`--format json\` and with \`-v\`; an attribute that does not apply, or that nobody knows, is absent.

## Resource: the host and the agent

${attributeTable(hostAttributes as readonly Attribute<never>[])}

## Resource: the observed process

Labels that are asked for are \`container.label.KEY\`, \`k8s.pod.label.KEY\` and \`k8s.pod.annotation.KEY\`.

${attributeTable(resourceAttributes as readonly Attribute<never>[])}

## Records of connections, and spans

${attributeTable(createRecordAttributes({ ownNetworkNamespace }) as readonly Attribute<never>[])}

## Records of look-ups

${attributeTable(createLookupAttributes({ ownNetworkNamespace }) as readonly Attribute<never>[])}

## Metrics of connections and look-ups

How they are made, and what their attributes cost: [metrics.md](metrics.md).

${metricTable([...Object.values(connectionMetrics), lookupMetric])}

Their attributes by default: ${list(defaultMetricAttributes)}. \`error.type\` and \`network.io.direction\` besides, where they
belong. \`--metric-attributes\` can add: ${list(more)}; and labels that are asked for.

## Metrics of the agent

${metricTable(Object.values(agentMetrics))}
`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

const text = render();
if (!process.argv.includes('--check')) writeFileSync(target, text);
else if (readFileSync(target, 'utf8') !== text) {
  console.error(`${target} is not what src/export/semconv/ says: run scripts/generate-attributes.ts`);
  process.exitCode = 1;
}
