/** What an option is. The options themselves: options.ts. */
import type { Kind } from './kinds.ts';

export const groups = [
  'What is watched',
  'Names',
  'Output',
  'Live table (sockflow top)',
  'OpenTelemetry (OTLP)',
  'ntopng (ZeroMQ)',
  'Running',
  'Advanced',
] as const;
export type Group = (typeof groups)[number];

export interface Option<Value> {
  readonly kind: Kind<NonNullable<Value>>;
  /** The default, as one would type it. */
  readonly fallback: string | undefined;
  readonly group: Group;
  /** One sentence or two, without a full stop at the end. */
  readonly help: string;
  /** Other names, short ones first. */
  readonly aliases: readonly string[];
  /** A flag that is on by default: `--no-name` exists, too. */
  readonly negatable: boolean;
}

type Details = Partial<Pick<Option<unknown>, 'aliases' | 'negatable'>>;

export function define<Value>(group: Group, kind: Kind<Value>, help: string, details: Details = {}) {
  const common = { kind, group, help, aliases: [], negatable: false, ...details };
  return {
    /** Absent unless given. */
    optional: { ...common, fallback: undefined } as Option<Value | undefined>,
    default: (fallback: string) => ({ ...common, fallback }) as Option<Value>,
  };
}
