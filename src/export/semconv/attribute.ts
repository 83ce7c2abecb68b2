/** What a line of the table is, and how lines are written. */
import { ascii } from '../time.ts';

export type AttributeValue = string | number | boolean | readonly string[];
export type AttributeType = 'string' | 'int' | 'double' | 'boolean' | 'string[]';

/** One attribute of `Source`: its key, what it means, when it is there and how it is read. */
export interface Attribute<Source> {
  readonly key: string;
  readonly type: AttributeType;
  readonly description: string;
  /** When it is present, in words. */
  readonly when: string;
  /** The value, or undefined when the attribute is absent. Never throws. */
  readonly read: (source: Source) => AttributeValue | undefined;
  /** All values that it can have, when they are few. */
  readonly values?: readonly string[];
  /** Puts the text that `read` returns into bytes, where making a string first would cost more than all the rest. */
  readonly text?: AsciiText<Source>;
}

/** A text that is always there, always of the same length and always ASCII. */
export interface AsciiText<Source> {
  readonly length: number;
  readonly write: (source: Source, target: Uint8Array, at: number) => void;
}

type Value = { string: string; int: number; double: number; boolean: boolean; 'string[]': readonly string[] };

/** Makes an attribute whose `read` the compiler checks against its type. */
export function define<Source, Type extends keyof Value>(
  key: string,
  type: Type,
  description: string,
  when: string,
  read: (source: Source) => Value[Type] | undefined,
): Attribute<Source> {
  return { key, type, description, when, read };
}

/** Makes an attribute that has one of a few values. */
export function oneOf<Source, Value extends string>(
  key: string,
  values: readonly Value[],
  description: string,
  when: string,
  read: (source: Source) => Value | undefined,
): Attribute<Source> {
  return { key, type: 'string', description, when, read, values };
}

/** Makes an attribute whose text is written straight into bytes. */
export function written<Source>(
  key: string,
  description: string,
  when: string,
  text: AsciiText<Source>,
): Attribute<Source> {
  const read = (source: Source) => ascii(text.length, (target) => text.write(source, target, 0));
  return { key, type: 'string', description, when, read, text };
}

/** A socket without a port has none, not port 0. */
export function portOf(port: number): number | undefined {
  return port === 0 ? undefined : port;
}

export function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
