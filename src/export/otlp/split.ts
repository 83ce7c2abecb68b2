/**
 * Two requests of one that is too large. All requests of OTLP are built alike:
 * Export…ServiceRequest { 1: Resource… { 2: Scope… { 2: record, span or metric } } }; what else is in there is kept.
 */
import { ByteBuffer } from './buffer.ts';
import { type Field, readFields } from './fields.ts';
import type { EncodedBatch } from './log-writer.ts';

/** Field numbers, and the tag of a message in field 1 and in field 2. */
const RESOURCES = 1;
const CHILDREN = 2;
const FIRST = 0x0a;
const SECOND = 0x12;

interface Scope {
  readonly others: readonly Field[];
  /** Records, spans or metrics. */
  readonly items: readonly Field[];
}

interface Resource {
  readonly others: readonly Field[];
  readonly scopes: readonly Scope[];
}

/**
 * Undefined when it can't be divided: one record is the least. Metrics hold points, which are what is counted of them, so
 * they are divided only where each has one. Never throws.
 */
export function splitRequest({ bytes, count }: EncodedBatch): readonly [EncodedBatch, EncodedBatch] | undefined {
  if (count < 2) return undefined;
  try {
    const resources = readRequest(bytes);
    if (countItems(resources) !== count) return undefined;
    const half = Math.ceil(count / 2);
    return [
      { bytes: write(bytes, resources, 0, half), count: half },
      { bytes: write(bytes, resources, half, count), count: count - half },
    ];
  } catch {
    return undefined;
  }
}

function readRequest(bytes: Uint8Array): Resource[] {
  const fields = [...readFields(bytes)].filter(({ number }) => number === RESOURCES);
  return fields.map((field) => {
    const [others, scopes] = readChildren(bytes, field);
    return { others, scopes: scopes.map((scope) => readScope(bytes, scope)) };
  });
}

function countItems(resources: readonly Resource[]): number {
  return resources.reduce((sum, { scopes }) => scopes.reduce((n, { items }) => n + items.length, sum), 0);
}

function readScope(bytes: Uint8Array, field: Field): Scope {
  const [others, items] = readChildren(bytes, field);
  return { others, items };
}

function readChildren(bytes: Uint8Array, { content, end }: Field): [others: Field[], children: Field[]] {
  const fields = [...readFields(bytes, content, end)];
  return [fields.filter(({ number }) => number !== CHILDREN), fields.filter(({ number }) => number === CHILDREN)];
}

/** The request with the items `from` (included) to `to` (excluded), counted through all of it. */
function write(bytes: Uint8Array, resources: readonly Resource[], from: number, to: number): Uint8Array<ArrayBuffer> {
  const out = new ByteBuffer(Math.ceil(bytes.length / 2) + 1024);
  let before = 0;
  for (const { others, scopes } of resources) {
    const chosen = scopes.map((scope) => {
      const items = scope.items.slice(Math.max(0, from - before), Math.max(0, to - before));
      before += scope.items.length;
      return { ...scope, items };
    });
    const present = chosen.filter(({ items }) => items.length > 0);
    if (present.length > 0) writeMessage(out, FIRST, () => writeResource(bytes, others, present, out));
  }
  return out.take();
}

function writeResource(bytes: Uint8Array, others: readonly Field[], scopes: readonly Scope[], out: ByteBuffer): void {
  copy(bytes, others, out);
  for (const scope of scopes) writeMessage(out, SECOND, () => copy(bytes, [...scope.others, ...scope.items], out));
}

function writeMessage(out: ByteBuffer, tag: number, writeContent: () => void): void {
  const start = out.begin(tag);
  writeContent();
  out.end(start);
}

function copy(bytes: Uint8Array, fields: readonly Field[], out: ByteBuffer): void {
  for (const { start, end } of fields) out.raw(bytes.subarray(start, end));
}
