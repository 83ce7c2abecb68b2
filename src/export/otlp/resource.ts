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
  const write = compileAttributes(createResourceAttributes(resource), ATTRIBUTES, out);
  const writeUnknown = compileAttributes(unknownProcess, ATTRIBUTES, out);
  return (process) => {
    const start = out.begin(RESOURCE);
    if (process === undefined) writeUnknown(undefined);
    else write(process);
    out.raw(common);
    out.end(start);
  };
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
  const attributes = createResourceAttributes(common);
  const own = process ? readAttributes(attributes, process) : readAttributes(unknownProcess, undefined);
  return { ...own, ...readCommon(common) };
}

/** What is the same on all of them. */
export function readCommon({ host, extra = {} }: CommonResource): Record<string, AttributeValue> {
  return { ...readAttributes(hostAttributes, host), ...Object.fromEntries(freeAttributes(extra)) };
}
