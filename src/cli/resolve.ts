/** From what was given, wherever it was, to `Options`: defaults, what follows from what, and what does not go together. */
import { UsageError } from '../errors.ts';
import { readSettings, type Signal } from '../export/otlp/settings.ts';
import { readLabelKey } from '../export/semconv.ts';
import {
  type Environment,
  isTurnedOff,
  isTurnedOn,
  readEndpoint,
  readResourceAttributes,
  type Setting,
} from './environment.ts';
import { entries, type Key, type Option, type Options, optionName } from './options.ts';
import { printable, quote } from './tokens.ts';

export type Settings = ReadonlyMap<Key, Setting | undefined>;

/** Throws a UsageError that names the setting. `env`: what OTEL_* says where `settings` do not. */
export function resolve(settings: Settings, env: Environment): Options {
  const values = Object.fromEntries(entries.map(([key, option]) => [key, parse(option, settings.get(key))]));
  const given = values as unknown as Given;
  const sent = resolveSignals(given, env);
  checkTransports(given, sent, env);
  checkSpool(settings.get('spool'), sent);
  checkZmq(given, settings);
  checkLabels(given, settings.get('metricAttributes'));
  const format = given.format ?? (sent.endpoint || given.zmq.length > 0 ? 'none' : 'text');
  const attribute = { ...readResourceAttributes(env), ...given.attribute };
  const kubernetes = chooseKubernetes(given, settings);
  const { logs, metrics, traces } = sent;
  return freeze({ ...given, kubernetes, attribute, format, logs, metrics, traces });
}

/** Each of these says that Kubernetes is to be asked. */
const ofKubernetes: readonly Key[] = [
  'kubernetes',
  'kubeconfig',
  'kubeletEndpoint',
  'kubeletCertificate',
  'podLabels',
  'podAnnotations',
  'kubernetesPeers',
];

/** Who wants no names of containers gets none of pods, unless those are asked for. */
function chooseKubernetes({ docker, kubernetes }: Given, settings: Settings): Options['kubernetes'] {
  const isAskedFor = ofKubernetes.some((key) => settings.get(key) !== undefined);
  return docker || isAskedFor ? kubernetes : 'none';
}

type Given = Omit<Options, 'format' | 'logs' | 'metrics' | 'traces'> & {
  readonly format: Options['format'] | undefined;
  readonly logs: boolean | undefined;
  readonly metrics: boolean | undefined;
  readonly traces: boolean | undefined;
};

function parse(option: Option<unknown>, setting: Setting | undefined): unknown {
  const text = setting?.text ?? option.fallback;
  if (text === undefined) return undefined;
  const value = option.kind.parse(text);
  if (value !== undefined) return value;
  const why = option.kind.explain?.(text);
  if (why) throw new UsageError(printable(`${setting?.source}: ${why}`, 400));
  const came = option.kind.isSecret?.(text) ? '' : `, not ${quote(text)}`;
  throw new UsageError(`${setting?.source} expects ${option.kind.expects}${came}`);
}

interface Signals {
  readonly logs: boolean;
  readonly metrics: boolean;
  readonly traces: boolean;
  /** An endpoint was named, whatever is sent there. */
  readonly endpoint: boolean;
}

function resolveSignals(given: Given, env: Environment): Signals {
  const has = (signal: Signal) => given.otlpEndpoint !== undefined || readEndpoint(env, signal) !== undefined;
  const hasLogs = has('LOGS');
  const hasMetrics = has('METRICS');
  const hasTraces = has('TRACES');
  checkWanted('logs', given.logs, hasLogs);
  checkWanted('metrics', given.metrics, hasMetrics);
  checkWanted('traces', given.traces, hasTraces);
  return {
    logs: hasLogs && (given.logs ?? !isTurnedOff(env, 'LOGS')),
    metrics: hasMetrics && (given.metrics ?? !isTurnedOff(env, 'METRICS')),
    traces: hasTraces && (given.traces ?? isTurnedOn(env, 'TRACES')),
    endpoint: hasLogs || hasMetrics || hasTraces,
  };
}

function checkWanted(name: string, wanted: boolean | undefined, hasEndpoint: boolean): void {
  if (wanted && !hasEndpoint) throw new UsageError(`--${name} expects an endpoint: add --otlp-endpoint URL`);
}

function checkSpool(setting: Setting | undefined, { logs }: Signals): void {
  if (setting && !logs)
    throw new UsageError(`${setting.source} expects records that are sent: add --otlp-endpoint URL`);
}

function checkZmq({ zmq }: Given, settings: Settings): void {
  if (zmq.length > 0) return;
  const setting = (['zmqFormat', 'zmqEncryptionKey', 'zmqContainer'] as const)
    .map((key) => settings.get(key))
    .find((setting) => setting !== undefined);
  if (setting) throw new UsageError(`${setting.source} expects an ntopng: add --zmq ENDPOINT`);
}

/** Labels are read only when they are asked for. */
function checkLabels(given: Given, setting: Setting | undefined): void {
  for (const name of given.metricAttributes) {
    const { option, label } = readLabelKey(name) ?? {};
    if (option && label && !given[option].includes(label))
      throw new UsageError(`${setting?.source} expects --${optionName(option)} ${label} for ${name}`);
  }
}

/** The endpoint, the protocol and what else OTEL_* says of each signal that is sent. */
function checkTransports(given: Given, sent: Signals, env: Environment): void {
  const { otlpEndpoint: endpoint, otlpProtocol: protocol } = given;
  const signals: Signal[] = [];
  if (sent.logs) signals.push('LOGS');
  if (sent.metrics) signals.push('METRICS');
  if (sent.traces) signals.push('TRACES');
  for (const signal of signals)
    try {
      readSettings({ endpoint, protocol, headers: given.otlpHeader }, signal, env);
    } catch (error) {
      throw new UsageError(printable((error as Error).message, 400));
    }
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part) Object.freeze(part);
  return Object.freeze(value);
}
