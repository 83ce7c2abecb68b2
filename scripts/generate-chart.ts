/** Makes packaging/helm/sockflow/values.schema.json; `config` there is the schema of --config. `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configSchema } from '../src/cli/schema.ts';

const target = 'packaging/helm/sockflow/values.schema.json';

const text = { type: 'string' };
const flag = { type: 'boolean' };
const list = { type: 'array' };
const map = { type: 'object' };
const strings = { type: 'object', additionalProperties: text };
const object = (properties: object) => ({ type: 'object', additionalProperties: false, properties });

const { $schema, title: _title, ...config } = configSchema();
const schema = {
  $schema,
  ...object({
    image: object({ repository: text, tag: text, pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] } }),
    imagePullSecrets: list,
    endpoint: text,
    config,
    env: list,
    extraCapabilities: { type: 'array', items: text },
    rbac: object({ create: flag }),
    serviceAccount: object({ create: flag, name: text, annotations: strings }),
    resources: map,
    tolerations: list,
    nodeSelector: strings,
    affinity: map,
    priorityClassName: text,
    podAnnotations: strings,
    podLabels: strings,
    updateStrategy: map,
    global: map,
  }),
};

const wanted = `${JSON.stringify(schema, null, 2)}\n`;
if (!process.argv.includes('--check')) writeFileSync(target, wanted);
else if (readFileSync(target, 'utf8') !== wanted)
  throw new Error(`${target} is stale: run node scripts/generate-chart.ts`);
