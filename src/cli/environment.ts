/** What the environment says: SOCKFLOW_* for every option, and the OTEL_* variables that aren't the SDK's business. */
import { UsageError } from '../errors.ts';
import { mayHaveSecret, readPairs, type Signal } from '../export/otlp/settings.ts';
import { nearest } from './nearest.ts';
import { entries, type Key, type Option, variableName } from './options.ts';
import { quote } from './tokens.ts';
import { parseDuration } from './units.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An option's text and the name that a message has to blame for it. */
export interface Setting {
  readonly text: string;
  readonly source: string;
}

/** Empty counts as not set, as the OpenTelemetry specification has it. */
function read(env: Environment, name: string): Setting | undefined {
  const text = env[name]?.trim();
  return text ? { text, source: name } : undefined;
}

/** The SOCKFLOW_* variable of an option. What can be repeated on the command line is separated by commas here. */
export function readVariable(env: Environment, key: Key, option: Option<unknown>): Setting | undefined {
  const setting = read(env, variableName(key));
  if (!setting || option.kind.type !== 'repeated') return setting;
  return { ...setting, text: setting.text.split(',').join('\n') };
}

const variables = entries.map(([key]) => variableName(key));
/** Kubernetes sets these in every pod when a service is called sockflow. */
const ofKubernetes = /^SOCKFLOW_(SERVICE|PORT)(_|$)/;

/** Returns a warning for each variable that looks like a mistyped option. */
export function checkVariables(env: Environment): string[] {
  const own = Object.keys(env).filter((name) => name.startsWith('SOCKFLOW_') && env[name] && !ofKubernetes.test(name));
  return own.flatMap((name) => {
    const near = variables.includes(name) ? undefined : nearest(name, variables);
    return near ? [`${name} is not a setting; did you mean ${near}?`] : [];
  });
}

/** Where OTEL_* sends a signal; a flag or a SOCKFLOW_* variable wins over it. */
export function readEndpoint(env: Environment, signal: Signal): string | undefined {
  const setting = read(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`) ?? read(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  if (!setting) return undefined;
  // The SDK would fall back to localhost without a word.
  if (!URL.parse(setting.text.includes('://') ? setting.text : `http://${setting.text}`)) {
    const came = mayHaveSecret(setting.text) ? '' : `, not ${quote(setting.text)}`;
    throw new UsageError(`${setting.source} expects a URL such as http://localhost:4317${came}`);
  }
  return setting.text;
}

/** Whether OTEL_* turns a signal off. */
export function isTurnedOff(env: Environment, signal: Signal): boolean {
  const exporters = read(env, `OTEL_${signal}_EXPORTER`)?.text;
  return exporters === 'none' || read(env, 'OTEL_SDK_DISABLED')?.text.toLowerCase() === 'true';
}

/** Whether OTEL_* asks for a signal that is off by default. */
export function isTurnedOn(env: Environment, signal: Signal): boolean {
  return read(env, `OTEL_${signal}_EXPORTER`)?.text === 'otlp' && !isTurnedOff(env, signal);
}

/** OTEL_METRIC_EXPORT_INTERVAL: milliseconds, as a time that an option understands. */
export function readMetricInterval(env: Environment): Setting | undefined {
  const setting = read(env, 'OTEL_METRIC_EXPORT_INTERVAL');
  if (setting && parseDuration(`${setting.text}ms`) === undefined)
    throw new UsageError(
      `${setting.source} expects a number of milliseconds above 0, not ${JSON.stringify(setting.text)}`,
    );
  return setting && { ...setting, text: `${setting.text}ms` };
}

const aggregations: Readonly<Record<string, string>> = {
  explicit_bucket_histogram: 'explicit',
  base2_exponential_bucket_histogram: 'exponential',
};

/** OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION, in the words of the option. */
export function readHistogram(env: Environment): Setting | undefined {
  const setting = read(env, 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION');
  const text = setting && aggregations[setting.text.toLowerCase()];
  if (setting && text === undefined)
    throw new UsageError(
      `${setting.source} expects one of ${Object.keys(aggregations).join(', ')}, not ${quote(setting.text)}`,
    );
  return setting && text ? { ...setting, text } : undefined;
}

/** OTEL_LOG_LEVEL, in the words of the option. */
export function readLogLevel(env: Environment): Setting | undefined {
  const setting = read(env, 'OTEL_LOG_LEVEL');
  return setting && { ...setting, text: setting.text.toLowerCase() };
}

/** OTEL_RESOURCE_ATTRIBUTES for every resource; who is observed has a name of its own. */
export function readResourceAttributes(env: Environment): Record<string, string> {
  const { 'service.name': _, ...attributes } = readPairs(env.OTEL_RESOURCE_ATTRIBUTES);
  return attributes;
}
