/** What a Resource says: the observed process and its host, as bytes for the record writer and as attributes. */
import type { Process } from '../../model.ts';
import {
  type Attribute,
  type AttributeValue,
  createResourceAttributes,
  type Host,
  hostAttributes,
  resourceAttributes,
  type ShownLabels,
  unknownService,
} from '../semconv.ts';
import { encodePair } from './any-value.ts';
import { compileAttributes } from './attribute-writer.ts';
import { ByteBuffer } from './buffer.ts';

/** Appends the `resource` field of a ResourceLogs to the buffer: Resource { attributes = 1 }. */
export type ResourceWriter = (process: Process | undefined) => void;

/** Where what says who it was stands: on the resource of the records, or on each of them. */
export type Identity = 'resource' | 'record';

const SERVICE_NAME = 'service.name';
const ATTRIBUTES = 0x0a;
const RESOURCE = 0x0a;

/** Where the process isn't known the resource is the host's, with the service name that the specification gives it. */
const unknownProcess: readonly Attribute<undefined>[] = [
  { key: SERVICE_NAME, type: 'string', description: '', when: 'process unknown', read: () => unknownService },
];

/** What every resource of this agent says. */
export interface CommonResource extends ShownLabels {
  readonly host: Host;
  /** Added by the user. A key that the table has is the table's. */
  readonly extra?: Readonly<Record<string, string>>;
}

export function createResourceWriter(resource: CommonResource, out: ByteBuffer): ResourceWriter {
  const common = encodeCommon(resource);
  const writeIdentity = compileIdentity(resource, ATTRIBUTES, out);
  return (process) => {
    const start = out.begin(RESOURCE);
    writeIdentity(process);
    out.raw(common);
    out.end(start);
  };
}

/** Of a resource that says nothing of a process: that is on the records. */
export function createHostResourceWriter(resource: CommonResource, out: ByteBuffer): ResourceWriter {
  const common = encodeCommon(resource);
  return () => out.delimited(RESOURCE, common);
}

/** Appends what says which process it was, each attribute in the field `tag`. */
export function compileIdentity(shown: ShownLabels, tag: number, out: ByteBuffer): ResourceWriter {
  const write = compileAttributes(createResourceAttributes(shown), tag, out);
  const writeUnknown = compileAttributes(unknownProcess, tag, out);
  return (process) => (process === undefined ? writeUnknown(undefined) : write(process));
}

function encodeCommon({ host, extra = {} }: CommonResource): Uint8Array {
  const out = new ByteBuffer(256);
  compileAttributes(hostAttributes, ATTRIBUTES, out)(host);
  for (const [key, value] of freeAttributes(extra)) out.raw(encodePair(ATTRIBUTES, key, value));
  return out.take();
}

const taken = new Set([...hostAttributes, ...resourceAttributes].map(({ key }) => key));

function freeAttributes(extra: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(extra).filter(([key]) => !taken.has(key));
}

/** The attributes of one source as an object, in the order of the table. */
export function readAttributes<Source>(
  attributes: readonly Attribute<Source>[],
  source: Source,
): Record<string, AttributeValue> {
  const result: Record<string, AttributeValue> = {};
  for (const { key, read } of attributes) {
    const value = read(source);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

/** The attributes of the resource of a process; of the host alone when the process isn't known. */
export function readResource(process: Process | undefined, common: CommonResource): Record<string, AttributeValue> {
  return { ...readIdentity(process, common), ...readCommon(common) };
}

/** What says which process it was. */
export function readIdentity(process: Process | undefined, shown: ShownLabels): Record<string, AttributeValue> {
  if (process === undefined) return readAttributes(unknownProcess, undefined);
  return readAttributes(createResourceAttributes(shown), process);
}

/** What is the same on all of them. */
export function readCommon({ host, extra = {} }: CommonResource): Record<string, AttributeValue> {
  return { ...readAttributes(hostAttributes, host), ...Object.fromEntries(freeAttributes(extra)) };
}
