/**
 * A strict reader of Prometheus' text format 0.0.4: whatever the format forbids, and what Prometheus would take but nobody
 * means (a sample without TYPE, a counter that isn't called so, buckets that fall), is an error with the line.
 */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** A label may hold whatever is no line feed. */
const SAMPLE = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/s;
const PAIR = /([^=,]+)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/gy;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;

export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  let help: { name: string; text: string } | undefined;
  let current: Family | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`twice: ${line}`);
      help = { name, text: rest };
    } else if (keyword === 'TYPE') {
      if (help?.name !== name) throw new Error(`no HELP before: ${line}`);
      current = beginFamily(name, rest, help.text);
      families.set(name, current);
    } else addSample(current, readSample(line), line);
  }
  for (const family of families.values()) check(family);
  return families;
}

function beginFamily(name: string, type: string, help: string): Family {
  if (!NAME.test(name)) throw new Error(`no name of a metric: ${name}`);
  if (type !== 'counter' && type !== 'gauge' && type !== 'histogram') throw new Error(`no type: ${type}`);
  if (/\\(?![\\n])/.test(help)) throw new Error(`a lone backslash in HELP ${name}`);
  return { name, type, help, samples: [] };
}

function readSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (!NAME.test(name) || !NUMBER.test(value)) throw new Error(`no sample: ${line}`);
  const number = Number(value.replace(/Inf$/i, 'Infinity'));
  return { name, labels: readLabels(labels, line), value: number };
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  for (const [whole, key = '', value = ''] of text.matchAll(PAIR)) {
    if (!LABEL.test(key) || key.startsWith('__') || key in labels) throw new Error(`label ${key}: ${line}`);
    labels[key] = value.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));
    at += whole.length;
  }
  if (at !== text.length) throw new Error(`no labels: ${line}`);
  return labels;
}

function addSample(family: Family | undefined, sample: Sample, line: string): void {
  const suffixes = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!family || !suffixes.some((suffix) => sample.name === family.name + suffix))
    throw new Error(`not of the family before: ${line}`);
  const isTwice = family.samples.some(({ name, labels }) => name === sample.name && sameLabels(labels, sample.labels));
  if (isTwice) throw new Error(`twice: ${line}`);
  family.samples.push(sample);
}

const keyOf = (labels: Readonly<Record<string, string>>) => JSON.stringify(Object.entries(labels).sort());

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return keyOf(a) === keyOf(b);
}

function check({ name, type, samples }: Family): void {
  if (samples.length === 0) throw new Error(`no sample of ${name}`);
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is below 0`);
  if (type === 'histogram') checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...others } }) => keyOf(others));
  for (const all of series.values()) {
    const buckets = all.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('Inf', 'Infinity')));
    const [count, ...more] = all.filter((sample) => sample.name === `${name}_count`);
    if (more.length > 0 || count?.value !== buckets.at(-1)?.value)
      throw new Error(`${name}: count is not that of +Inf`);
    if (all.filter((sample) => sample.name === `${name}_sum`).length !== 1) throw new Error(`${name}: no sum`);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}: no bucket +Inf`);
    for (let index = 1; index < buckets.length; index++) {
      if (!((bounds[index] as number) > (bounds[index - 1] as number))) throw new Error(`${name}: bounds do not rise`);
      if ((buckets[index]?.value as number) < (buckets[index - 1]?.value as number))
        throw new Error(`${name}: buckets fall`);
    }
  }
}
