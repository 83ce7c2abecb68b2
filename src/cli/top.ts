/** What `sockflow top` makes of the options. */
import { UsageError } from '../errors.ts';
import { type Key, type Options, optionName, table } from './options.ts';
import type { Settings } from './resolve.ts';

const INTERVAL = 1_000;

/** Each decides about an output, and the table is none of them. Where they are not typed they do not matter. */
const ofOutputs: readonly Key[] = [
  'retransmits',
  'close',
  'events',
  'format',
  'columns',
  'verbose',
  'tcpDetails',
  'commandArgs',
  'health',
];

/** Throws a UsageError for an option that was typed and means nothing to this command. */
export function checkUse(typed: Iterable<Key>, command: string | undefined): void {
  for (const key of typed) {
    const { group } = table[key];
    const isOfTop = group === 'Live table (sockflow top)';
    if (isOfTop && command !== 'top' && command !== 'config')
      throw new UsageError(`--${optionName(key)} expects top: sockflow top --${optionName(key)}`);
    const isOfOutputs = ofOutputs.includes(key) || group === 'OpenTelemetry (OTLP)' || group === 'ntopng (ZeroMQ)';
    if (command === 'top' && isOfOutputs)
      throw new UsageError(`--${optionName(key)} is not for top, which shows a table and sends nothing`);
  }
}

/** The filter is the first one of the table, where it can be changed; so the pipeline has none. */
export function forTop(given: Options, settings: Settings): { readonly options: Options; readonly filter: string } {
  const options: Options = {
    ...given,
    interval: settings.get('interval') === undefined ? INTERVAL : given.interval,
    events: ['open', 'update', 'close', 'failed'],
    format: 'text',
    filter: undefined,
    retransmits: false,
    close: false,
    commandArgs: false,
    logs: false,
    metrics: false,
    traces: false,
    zmq: [],
    health: undefined,
  };
  return { options, filter: settings.get('filter')?.text ?? '' };
}
