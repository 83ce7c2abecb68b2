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
  /** Added by the user. What is known by observation comes first: of a key that the table has they fill the gaps. */
  readonly extra?: Readonly<Record<string, string>>;
}

export function createResourceWriter(resource: CommonResource, out: ByteBuffer): ResourceWriter {
  const common = encodeCommon(resource);
  const writeIdentity = compileIdentity(resource, ATTRIBUTES, out);
  const gaps = gapsOf(resource).map(({ key, value, read }) => ({ pair: encodePair(ATTRIBUTES, key, value), read }));
  return (process) => {
    const start = out.begin(RESOURCE);
    writeIdentity(process);
    out.raw(common);
    for (const { pair, read } of gaps) if (!process || read(process) === undefined) out.raw(pair);
    out.end(start);
  };
}

/** Of a resource that says nothing of a process: that is on the records. */
export function createHostResourceWriter(resource: CommonResource, out: ByteBuffer): ResourceWriter {
  const gaps = gapsOf(resource).map(({ key, value }) => encodePair(ATTRIBUTES, key, value));
  const common = Buffer.concat([encodeCommon(resource), ...gaps]);
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

interface Gap {
  readonly key: string;
  readonly value: string;
  /** What is known of a process. */
  readonly read: (process: Process) => unknown;
}

/** What the user gave of what a process may have itself. A name of a service it always has. */
function gapsOf({ extra = {}, ...shown }: CommonResource): readonly Gap[] {
  return createResourceAttributes(shown).flatMap(({ key, read }) => {
    const value = extra[key];
    return value === undefined || key === SERVICE_NAME ? [] : [{ key, value, read }];
  });
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
  return { ...readCommon(common), ...readIdentity(process, common) };
}

/** What says which process it was. */
export function readIdentity(process: Process | undefined, shown: ShownLabels): Record<string, AttributeValue> {
  if (process === undefined) return readAttributes(unknownProcess, undefined);
  return readAttributes(createResourceAttributes(shown), process);
}

/** What is the same on all of them. */
export function readCommon(common: CommonResource): Record<string, AttributeValue> {
  const { host, extra = {} } = common;
  const gaps = gapsOf(common).map(({ key, value }) => [key, value] as const);
  return { ...readAttributes(hostAttributes, host), ...Object.fromEntries([...freeAttributes(extra), ...gaps]) };
}
