/** Flows as JSON, for ntopng 5.4, 5.6 and Pro: the same as in TLV, and pods in fields of their own. */
import type { Process } from '../../model.ts';
import {
  type ContainerLabel,
  containerLabel,
  containerName,
  deltaFields,
  endpointFields,
  type Field,
  podOf,
  processFields,
  qualityFields,
} from './fields.ts';
import type { Flow } from './flow.ts';
import type { Encoding } from './message.ts';

type Value = string | number | { readonly [key: string]: Value | undefined };
export type JsonFlow = Record<string, Value | undefined>;

export function createJsonEncoding(label: ContainerLabel): Encoding {
  const client = processFields('client', label).filter(({ name }) => !/CONTAINER|_K8S_/.test(name));
  const ofProcesses = [...client, ...processFields('server', label)];
  const rest = [...endpointFields, ...deltaFields, ...qualityFields];
  return jsonEncoding((flow) => ({
    ...readFields(ofProcesses, flow),
    // Behind the process: ntopng would take counters for totals if it met this first. It has a place for the client's alone.
    LOCAL_CONTAINER: containerOf(flow.client.process, label),
    ...readFields(rest, flow),
  }));
}

/** Messages that are arrays of what `toJson` makes. */
export function jsonEncoding(toJson: (flow: Flow) => JsonFlow): Encoding {
  return {
    version: 2,
    head: Buffer.from('['),
    separator: Buffer.from(','),
    tail: Buffer.from(']'),
    write(flow, target, at) {
      const text = JSON.stringify(toJson(flow));
      return at + Buffer.byteLength(text) <= target.length ? at + target.write(text, at) : -1;
    },
  };
}

export function readFields(fields: readonly Field[], flow: Flow): JsonFlow {
  const values: JsonFlow = {};
  for (const { name, read } of fields) {
    const value = plain(read(flow));
    if (value !== undefined) values[name] = value;
  }
  return values;
}

/** What is empty is left out, as what is unknown is. */
export function plain(value: string | number | undefined): string | number | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value.toWellFormed();
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** The id stands where ntopng reads it, and where readers of its predecessor's flows look for it. */
export function containerOf(process: Process | undefined, label: ContainerLabel): JsonFlow | undefined {
  const id = process && plain(containerLabel(process, label));
  if (process === undefined || id === undefined) return undefined;
  const pod = podOf(process);
  const NAME = plain(containerName(process));
  if (pod) return { ID: id, K8S: { ID: id, NAME, POD: plain(pod.name), NS: plain(pod.namespace) } };
  return { ID: id, DOCKER: { ID: id, NAME } };
}
