/**
 * Reads OTLP by the official definitions, as OpenTelemetry's own Go module has them compiled in (test/backends/otlp-definitions
 * writes them out), and finds at fault what they do not have.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

const root = readDefinitions(join(import.meta.dirname, '../../.cache/otlp-definitions'));

/** A request has the fields of the message that its file has for such data at rest. */
const requests = {
  logs: 'opentelemetry.proto.logs.v1.LogsData',
  metrics: 'opentelemetry.proto.metrics.v1.MetricsData',
  traces: 'opentelemetry.proto.trace.v1.TracesData',
} as const;

export type Signal = keyof typeof requests;

// biome-ignore lint/suspicious/noExplicitAny: what protobufjs makes of definitions that are text has no type.
type Message = any;

/** A request as protobufjs reads it: 64-bit integers as text, enumerations by their names. Throws at what is at fault. */
export function decodeOfficially(signal: Signal, bytes: Uint8Array): Message {
  const type = root.lookupType(requests[signal]);
  checkBytes(type, protobuf.Reader.create(bytes), bytes.length, type.name);
  return type.toObject(type.decode(bytes), { longs: String, enums: String, arrays: true });
}

/** Throws when a key of this OTLP/JSON is not in the definitions, or has not the form that OTLP gives to its type. */
export function checkJson(signal: Signal, json: unknown): void {
  checkObject(root.lookupType(requests[signal]), json, signal);
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const wireTypes: Readonly<Record<string, number>> = {
  ...{ bool: VARINT, int32: VARINT, uint32: VARINT, int64: VARINT, uint64: VARINT, sint32: VARINT, sint64: VARINT },
  ...{ fixed64: FIXED64, sfixed64: FIXED64, double: FIXED64, fixed32: FIXED32, sfixed32: FIXED32, float: FIXED32 },
  ...{ string: DELIMITED, bytes: DELIMITED },
};

function wireTypeOf(field: protobuf.Field): number {
  if (field.resolvedType instanceof protobuf.Enum) return VARINT;
  return field.resolvedType ? DELIMITED : (wireTypes[field.type] as number);
}

const strict = new TextDecoder('utf-8', { fatal: true });

/** What decoders pass over without a word: fields that are unknown, of the wrong kind or there twice, and bad UTF-8. */
function checkBytes(type: protobuf.Type, reader: protobuf.Reader, end: number, path: string): void {
  const seen = new Set<string>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = type.fieldsById[tag >>> 3];
    if (!field) throw new Error(`${path} has no field ${tag >>> 3}`);
    const name = `${path}.${field.name}`;
    // Of a oneof only one may be there.
    const slot = field.partOf?.name ?? field.name;
    if (!field.repeated && seen.has(slot)) throw new Error(`${name} is there twice`);
    seen.add(slot);
    checkField(field, reader, tag & 7, name);
  }
  if (reader.pos !== end) throw new Error(`${path} goes on behind its end`);
}

function checkField(field: protobuf.Field, reader: protobuf.Reader, wireType: number, name: string): void {
  const expected = wireTypeOf(field);
  const isPacked = field.repeated && wireType === DELIMITED && expected !== DELIMITED;
  if (wireType !== expected && !isPacked) throw new Error(`${name} has the wire type ${wireType}`);
  if (field.resolvedType instanceof protobuf.Type) {
    const length = reader.uint32();
    checkBytes(field.resolvedType, reader, reader.pos + length, name);
  } else if (field.type === 'string') strict.decode(reader.bytes());
  else if (field.resolvedType instanceof protobuf.Enum && !isPacked)
    checkEnum(field.resolvedType, reader.int32(), name);
  else reader.skipType(wireType);
}

function checkEnum({ valuesById }: protobuf.Enum, value: unknown, name: string): void {
  if (typeof value !== 'number' || valuesById[value] === undefined) throw new Error(`${name} can't be ${value}`);
}

function checkObject(type: protobuf.Type, value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path} is no object`);
  for (const [key, content] of Object.entries(value)) {
    const field = type.fields[key];
    const name = `${path}.${key}`;
    if (!field) throw new Error(`${name} is unknown`);
    if (field.repeated !== Array.isArray(content)) throw new Error(`${name} is ${field.repeated ? 'no' : 'a'} list`);
    for (const one of field.repeated ? (content as unknown[]) : [content]) checkValue(field, one, name);
  }
}

function checkValue({ type, resolvedType, name }: protobuf.Field, value: unknown, path: string): void {
  // Ids are hexadecimal in OTLP, other bytes base64.
  const isId = /^(trace|span|parentSpan)Id$/.test(name);
  if (resolvedType instanceof protobuf.Type) checkObject(resolvedType, value, path);
  else if (resolvedType instanceof protobuf.Enum) checkEnum(resolvedType, value, path);
  else if (!(isId ? /^([\da-f]{2})*$/.test(String(value)) : hasForm(type, value)))
    throw new Error(`${path} can't be ${value}`);
}

function hasForm(type: string, value: unknown): boolean {
  if (type === 'string' || type === 'bytes') return typeof value === 'string';
  if (type === 'bool') return typeof value === 'boolean';
  if (/64$/.test(type)) return /^-?\d+$/.test(String(value));
  return typeof value === 'number' || ['NaN', 'Infinity', '-Infinity'].includes(String(value));
}

/** `program`: writes a FileDescriptorSet. Fields get the names that they have in JSON. */
function readDefinitions(program: string): protobuf.Root {
  const set = descriptor.FileDescriptorSet.decode(execFileSync(program)) as unknown as { file: FileDescriptor[] };
  for (const { messageType } of set.file) messageType.forEach(useJsonNames);
  // The extension adds it to what its types do not know.
  const { fromDescriptor } = protobuf.Root as unknown as { fromDescriptor(set: unknown): protobuf.Root };
  const all = fromDescriptor(set);
  all.resolveAll();
  return all;
}

interface FileDescriptor {
  readonly messageType: MessageDescriptor[];
}

interface MessageDescriptor {
  readonly field: { name: string; readonly jsonName: string }[];
  readonly nestedType: MessageDescriptor[];
}

function useJsonNames({ field, nestedType }: MessageDescriptor): void {
  for (const each of field) each.name = each.jsonName;
  nestedType.forEach(useJsonNames);
}
