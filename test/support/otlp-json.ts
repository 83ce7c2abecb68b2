/** Reads what the Collector's file exporter wrote: one OTLP JSON message a line, here flattened to one object an item. */

import { readFileSync } from 'node:fs';

export type Attributes = Record<string, unknown>;

export interface Scope {
  readonly name: string;
  readonly version: string;
}

export interface LogRecord {
  readonly resource: Attributes;
  readonly scope: Scope;
  readonly eventName: string;
  readonly attributes: Attributes;
  readonly body: unknown;
  /** UNIX nanoseconds. */
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly traceId: string;
  readonly spanId: string;
}

export function readLogs(file: string): LogRecord[] {
  return readMessages<LogsMessage>(file).flatMap((message) => list(message.resourceLogs).flatMap(logsOfResource));
}

/** The last line is left out while the Collector is still writing it. */
export function readMessages<Message>(file: string): Message[] {
  const text = readFileSync(file, 'utf8');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Message);
}

// What protobuf's JSON form leaves out has its default value: every field is optional, 64-bit integers are strings.

export type Integer = string | number;

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: Integer;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
}

export interface KeyValue {
  key: string;
  value?: AnyValue;
}

export interface RawResource {
  attributes?: KeyValue[];
}

export interface RawScope {
  name?: string;
  version?: string;
}

interface LogsMessage {
  resourceLogs?: ResourceLogs[];
}

interface ResourceLogs {
  resource?: RawResource;
  scopeLogs?: { scope?: RawScope; logRecords?: RawLogRecord[] }[];
}

interface RawLogRecord {
  timeUnixNano?: Integer;
  observedTimeUnixNano?: Integer;
  severityNumber?: number;
  severityText?: string;
  eventName?: string;
  body?: AnyValue;
  attributes?: KeyValue[];
  traceId?: string;
  spanId?: string;
}

function logsOfResource(group: ResourceLogs): LogRecord[] {
  const resource = decodeAttributes(group.resource?.attributes);
  return list(group.scopeLogs).flatMap((inner) =>
    list(inner.logRecords).map((record) => decodeLog(resource, decodeScope(inner.scope), record)),
  );
}

function decodeLog(resource: Attributes, scope: Scope, record: RawLogRecord): LogRecord {
  return {
    resource,
    scope,
    eventName: record.eventName ?? '',
    attributes: decodeAttributes(record.attributes),
    body: decodeValue(record.body),
    timeUnixNano: BigInt(record.timeUnixNano ?? 0),
    observedTimeUnixNano: BigInt(record.observedTimeUnixNano ?? 0),
    severityNumber: record.severityNumber ?? 0,
    severityText: record.severityText ?? '',
    traceId: record.traceId ?? '',
    spanId: record.spanId ?? '',
  };
}

export function decodeScope(scope: RawScope = {}): Scope {
  return { name: scope.name ?? '', version: scope.version ?? '' };
}

export function decodeAttributes(pairs: KeyValue[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, decodeValue(value)]));
}

function decodeValue(value: AnyValue = {}): unknown {
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue) return list(value.arrayValue.values).map(decodeValue);
  if (value.kvlistValue) return decodeAttributes(value.kvlistValue.values);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, 'base64');
  return value.stringValue ?? value.boolValue;
}

/** A number, or a bigint where a number would lose digits. */
export function integer(value: Integer = 0): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

export function list<Item>(items: Item[] | undefined): Item[] {
  return items ?? [];
}
