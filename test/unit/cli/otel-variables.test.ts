import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { formatOtelVariables, otelVariables } from '../../../src/cli/otel-variables.ts';
import { parseCommandLine } from '../../../src/cli/parse.ts';
import { readDelay, readOwnServiceName } from '../../../src/export/otlp/settings.ts';

const root = join(import.meta.dirname, '../../..');

test('the page is the table', (t) => {
  const page =
    'node -e "import(\'./src/cli/otel-variables.ts\').then((m) => process.stdout.write(m.formatOtelVariables()))"';
  t.is(
    readFileSync(join(root, 'docs/otel-variables.md'), 'utf8'),
    formatOtelVariables(),
    `write it anew: ${page} > docs/otel-variables.md`,
  );
});

test('no variable is in it twice', (t) => {
  t.is(new Set(otelVariables.map(({ name }) => name)).size, otelVariables.length);
});

test('what is honoured is read somewhere, and what is not is read nowhere', (t) => {
  const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('otel-variables.ts'));
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const placeholder = ['$', '{signal}'].join('');
  const code = ['LOGS', 'METRICS', 'TRACES'].map((signal) => text.replaceAll(placeholder, signal)).join('\n');
  // The code has the pattern of most of those for each signal, and a call with the end of the name.
  const isRead = (name: string) => {
    const [, end] = /^OTEL_EXPORTER_OTLP_(?:(?:LOGS|METRICS|TRACES)_)?(.*)$/.exec(name) ?? [];
    return new RegExp(`\\b${name}\\b`).test(code) || (end !== undefined && code.includes(`'${end}'`));
  };
  for (const { name, isHonoured } of otelVariables) t.is(isRead(name), isHonoured, name);
});

function parse(env: Record<string, string>, line = '') {
  const command = parseCommandLine(line === '' ? [] : line.split(' '), env);
  if (command.action !== 'run') throw new Error(command.action);
  return command.options;
}

test('resource attributes are for all, the name of the service for the agent alone', (t) => {
  const env = { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,service.name=agent,team=a%2Cb' };
  t.deepEqual(parse(env).attribute, { 'deployment.environment.name': 'prod', team: 'a,b' });
  t.deepEqual(parse(env, '--attribute team=c').attribute, { 'deployment.environment.name': 'prod', team: 'c' });
  t.is(readOwnServiceName(env), 'agent');
  t.is(readOwnServiceName({ ...env, OTEL_SERVICE_NAME: 'mine' }), 'mine');
  t.is(readOwnServiceName({}), undefined);
});

test('the log level and the delays are those of the variables', (t) => {
  t.is(parse({ OTEL_LOG_LEVEL: 'WARN' }).logLevel, 'warn');
  t.is(parse({ OTEL_LOG_LEVEL: 'warn' }, '--log-level debug').logLevel, 'debug');
  t.throws(() => parse({ OTEL_LOG_LEVEL: 'loud' }), { message: /^OTEL_LOG_LEVEL expects one of/ });
  t.is(readDelay('OTEL_BLRP_SCHEDULE_DELAY', { OTEL_BLRP_SCHEDULE_DELAY: '250' }), 250);
  t.is(readDelay('OTEL_BSP_SCHEDULE_DELAY', {}), 1000);
  t.throws(() => readDelay('OTEL_BSP_SCHEDULE_DELAY', { OTEL_BSP_SCHEDULE_DELAY: 'x' }), { message: /not "x"$/ });
});
