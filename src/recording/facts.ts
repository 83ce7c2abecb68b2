/** What a recording has besides batches, and its way to JSON and back. */
import type { Reasons } from '../capture/connection.ts';
import type { Host } from '../export/semconv/resource.ts';
import type { Container, KubernetesPod, PodDetails, Process } from '../model.ts';
import type { Shape } from './shape.ts';

/** Who recorded, and where. */
export interface Machine {
  readonly host: Host;
  /** Of Linux: 6.18.44 */
  readonly kernel: string;
  /** See `wireLayout`. */
  readonly layout: string;
  readonly ownNetworkNamespace: number;
  readonly reasons: Reasons;
}

/** What was learnt beside the batches, as far as it is new; of the same thing the last one counts. */
export interface Facts {
  readonly users?: readonly (readonly [id: number, name: string])[];
  readonly groups?: readonly (readonly [id: number, name: string])[];
  /** Descriptions that were read from /proc. */
  readonly processes?: readonly Process[];
  /** Arguments of processes, without secrets: batches have none. */
  readonly arguments?: readonly (readonly [serial: number, args: readonly string[]])[];
  readonly containers?: readonly ContainerFact[];
}

export interface ContainerFact {
  readonly id: string;
  readonly details: Container['details'];
  readonly kubernetes: Container['kubernetes'];
  readonly pod:
    | { readonly details: PodDetails | undefined; readonly kubernetes: KubernetesPod | undefined }
    | undefined;
}

export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, wrap));
}

/** Undefined when it is damaged: no JSON, or none of this shape. */
export function decode<Value>(payload: Buffer, shape: Shape): Value | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString(), unwrap);
    return shape(value) ? (value as Value) : undefined;
  } catch {
    return undefined;
  }
}

function wrap(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: `${value}` };
  if (value instanceof Map) return { $map: [...value] };
  return value;
}

function unwrap(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$bigint' in value) return BigInt(value.$bigint as string);
  if ('$map' in value) return new Map(value.$map as [unknown, unknown][]);
  return value;
}
