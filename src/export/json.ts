/** JSON lines: one object a record, under the names that OTLP uses. */
import type { ConnectionRecord, Exporter, LookupRecord, Process } from '../model.ts';
import {
  type Attribute,
  type AttributeValue,
  createLookupAttributes,
  createRecordAttributes,
  createResourceAttributes,
  eventName,
  type Host,
  hasFailed,
  hostAttributes,
  type ShownLabels,
  severityNumber,
  unknownService,
} from './semconv.ts';
import type { Stdout } from './stdout.ts';
import { sanitiseJson } from './text/sanitise.ts';
import { formatTime } from './time.ts';

export interface JsonOptions extends ShownLabels {
  readonly host: Host;
  /** Inode number of the agent's own network namespace. */
  readonly ownNetworkNamespace: number;
  /** Added to each resource; what the user says wins over what was seen. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Writes the selected records to stdout as JSON lines. */
export function createJsonExporter(
  stdout: Stdout,
  isSelected: (record: ConnectionRecord) => boolean,
  withLookups: boolean,
  options: JsonOptions,
): Exporter {
  const format = createJsonFormatter(options);
  const formatLookup = createJsonLookupFormatter(options);
  return {
    name: 'stdout',
    export: (records) => stdout.write(records.filter(isSelected).map(format)),
    exportLookups: (lookups) => {
      if (withLookups) stdout.write(lookups.filter(hasFailed).map(formatLookup));
    },
    isBusy: stdout.isBusy,
    shutdown: (deadline) => stdout.shutdown(deadline),
  };
}

/** A record to its line, the line feed included. */
export function createJsonFormatter(options: JsonOptions): (record: ConnectionRecord) => string {
  const recordFields = createFieldWriter(createRecordAttributes(options));
  const resource = createResourceFormatter(options);
  return (record) =>
    `{"timestamp":"${formatTime(record.time)}","event_name":"${eventName(record)}","severity_number":${severityNumber(
      record,
    )},"resource":${resource(record.process)},"attributes":{${recordFields(record)}}}\n`;
}

/** A look-up to its line. */
export function createJsonLookupFormatter(options: JsonOptions): (lookup: LookupRecord) => string {
  const fields = createFieldWriter(createLookupAttributes(options));
  const resource = createResourceFormatter(options);
  return (lookup) =>
    `{"timestamp":"${formatTime(lookup.time)}","event_name":"${eventName(lookup)}","severity_number":${severityNumber(
      lookup,
    )},"resource":${resource(lookup.process)},"attributes":{${fields(lookup)}}}\n`;
}

/** The resource of a process is made once, and again when what others know of it, who are asked apart, has come. */
function createResourceFormatter(options: JsonOptions): (process: Process | undefined) => string {
  const common = readAll(hostAttributes, options.host);
  // As over OTLP: what is observed comes first, and what the user gave fills the gaps.
  const whole = (observed: Record<string, AttributeValue>) => {
    const known = { ...observed, ...common };
    const given = Object.entries(options.attributes).filter(([key]) => !Object.hasOwn(known, key));
    return toSafeJson({ ...known, ...Object.fromEntries(given) });
  };
  const resourceAttributes = createResourceAttributes(options);
  const unknown = whole({ 'service.name': unknownService });
  const cache = new WeakMap<Process, { state: readonly unknown[]; text: string }>();
  return (process) => {
    if (!process) return unknown;
    const cached = cache.get(process);
    const state = lookedUp(process);
    if (cached?.state.every((part, index) => part === state[index])) return cached.text;
    const text = whole(readAll(resourceAttributes, process));
    cache.set(process, { state, text });
    return text;
  };
}

/** What may come later than the process itself. */
function lookedUp({ userName, groupName, parentUserName, container, pod }: Process): readonly unknown[] {
  const runtime = [container?.details, pod?.details];
  return [userName, groupName, parentUserName, ...runtime, container?.kubernetes, pod?.kubernetes];
}

function readAll<Source>(attributes: readonly Attribute<Source>[], source: Source): Record<string, AttributeValue> {
  const read = attributes.map(({ key, read }) => [key, read(source)] as const);
  return Object.fromEntries(read.filter((pair): pair is [string, AttributeValue] => pair[1] !== undefined));
}

/** A terminal may show it: what JSON would leave as it is, and a terminal obey, is escaped. */
function toSafeJson(values: Record<string, AttributeValue>): string {
  return sanitiseJson(JSON.stringify(wellFormed(values)));
}

/** JSON.stringify writes lone surrogates as escapes that strict readers refuse. */
function wellFormed(values: Record<string, AttributeValue>): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, wellFormedValue(value)]));
}

function wellFormedValue(value: AttributeValue): AttributeValue {
  if (typeof value === 'string') return value.toWellFormed();
  return typeof value === 'object' ? value.map((each) => each.toWellFormed()) : value;
}

/** Writes `"key":value` of all attributes that are there, with commas between. */
function createFieldWriter<Source>(attributes: readonly Attribute<Source>[]): (source: Source) => string {
  const fields = attributes.map(({ key, type, read }) => ({
    prefix: `${JSON.stringify(key)}:`,
    isInt: type === 'int',
    read,
  }));
  return (source) => {
    let text = '';
    for (const { prefix, isInt, read } of fields) {
      const value = read(source);
      if (value === undefined) continue;
      const json = typeof value === 'number' ? formatNumber(value, isInt) : formatValue(value);
      if (json !== undefined) text += text === '' ? prefix + json : `,${prefix}${json}`;
    }
    return text;
  };
}

/** JSON has no NaN and no infinity; an integer that a reader's double could not hold is a string. */
function formatNumber(value: number, isInt: boolean): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  return isInt && !Number.isSafeInteger(value) ? `"${BigInt(Math.round(value))}"` : `${value}`;
}

/** What JSON takes as it is. Testing costs less than escaping, and nearly all values pass. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function formatValue(value: Exclude<AttributeValue, number>): string {
  if (typeof value === 'string' && plain.test(value)) return `"${value}"`;
  return sanitiseJson(JSON.stringify(wellFormedValue(value)));
}
