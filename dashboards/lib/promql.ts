/** PromQL in pieces. Whatever a variable stands for, a query stays the one that is written here: see `matches`. */
import { labels } from './names.ts';

/**
 * A label is one of the values that were chosen. `:regex` escapes them, and a string in backticks takes the escapes as they
 * are, which one in quotes does not. A value with a backtick is offered by no variable (variables.ts).
 */
function matches(label: string, variable: string): string {
  return `${label}=~\`\${${variable}:regex}\``;
}

const host = matches(labels.host, 'host');
const namespace = matches(labels.namespace, 'namespace');
const pod = matches(labels.pod, 'pod');
const service = matches(labels.service, 'service');
const peer = matches(labels.serverAddress, 'peer');

const select = (matchers: readonly string[]) => `{${matchers.join(',')}}`;

/** Series of connections, as far as the variables let them through; `more` is of matchers, too. */
export const ofConnections = (...more: readonly string[]) => select([host, namespace, pod, service, peer, ...more]);
/** Of the agent itself, or of look-ups, which belong to no process. */
export const ofHosts = (...more: readonly string[]) => select([host, ...more]);

/** What the menu of each variable offers depends on those before it. */
export const before = {
  host: '',
  namespace: select([host]),
  pod: select([host, namespace]),
  service: select([host, namespace, pod]),
  peer: select([host, namespace, pod, service]),
} as const;

export const is = (label: string, value: string) => `${label}="${value}"`;
export const isThere = (label: string) => `${label}!=""`;

/** A second, around each moment of a graph. */
export const rate = (metric: string, selector: string) => `rate(${metric}${selector}[$__rate_interval])`;
/** In all of the time that is shown. */
export const increase = (metric: string, selector: string) => `increase(${metric}${selector}[$__range])`;

export function sum(expression: string, by: readonly string[] = []): string {
  return by.length === 0 ? `sum(${expression})` : `sum by (${by.join(', ')}) (${expression})`;
}

export const top = (count: number, expression: string) => `topk(${count}, ${expression})`;

/** `expression`, or 0 where there is none of it but there is `witness`: nothing happened, and somebody looked. */
export function orZero(expression: string, witness: string): string {
  return `${expression} or 0 * ${witness}`;
}

/** Of classic histograms and of native ones, whichever there are. */
export function quantile(share: number, metric: string, selector: string, by: readonly string[] = []): string {
  const classic = `histogram_quantile(${share}, ${sum(rate(`${metric}_bucket`, selector), ['le', ...by])})`;
  return `${classic} or histogram_quantile(${share}, ${sum(rate(metric, selector), by)})`;
}
