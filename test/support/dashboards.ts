/** The dashboards as Grafana would read them, and their queries as it would send them. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export const DIRECTORY = join(import.meta.dirname, '../../dashboards');

interface Source {
  readonly type: string;
  readonly uid: string;
}

export interface Target {
  readonly refId: string;
  readonly datasource: Source;
  readonly expr?: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly queryType?: string;
  readonly maxLines?: number;
  readonly legendFormat?: string;
  readonly interval?: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: { readonly renameByName?: Readonly<Record<string, string>> };
  }[];
  readonly fieldConfig?: { readonly defaults: { readonly noValue?: string; readonly unit?: string } };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string;
  readonly regex?: string;
  readonly allValue?: string;
  readonly datasource?: Source;
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export function readDashboards(): readonly Dashboard[] {
  return globSync(join(DIRECTORY, '*.json'))
    .sort()
    .map((path) => ({ file: basename(path), ...JSON.parse(readFileSync(path, 'utf8')) }));
}

export interface Query {
  /** `TCP health / Handshake B`. */
  readonly name: string;
  readonly panel: Panel;
  readonly target: Target;
}

export function queriesOf({ title, panels }: Dashboard): readonly Query[] {
  return panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({ name: `${title} / ${panel.title} ${target.refId}`, panel, target })),
  );
}

/** What was chosen: of a menu some values, or `All`; of what Grafana itself knows (`__range`) the text. */
export type Choice = Readonly<Record<string, string | readonly string[]>>;
export const All = ['$__all'] as const;

const REFERENCE = /\$(\w+)|\$\{(\w+)(?::(\w+))?\}/g;

/** As Grafana does it: once, from left to right, so that nothing in a value is taken for a variable. */
export function interpolate(text: string, choice: Choice): string {
  return text.replace(REFERENCE, (reference, bare, braced, format) => {
    const value = choice[bare ?? braced];
    // What it does not know stays as it is; so does a group of a regular expression.
    if (value === undefined) return reference;
    return isAll(value) ? '.*' : formatted(value, format);
  });
}

const isAll = (value: string | readonly string[]) => value[0] === All[0];

function formatted(value: string | readonly string[], format: string | undefined): string {
  const values = typeof value === 'string' ? [value] : value;
  if (format === 'regex') {
    const escaped = values.map((one) => one.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&'));
    return escaped.length === 1 ? String(escaped[0]) : `(${escaped.join('|')})`;
  }
  if (format === undefined && typeof value === 'string') return value;
  throw new Error(`${values} as ${format}: nothing here is formatted so`);
}
