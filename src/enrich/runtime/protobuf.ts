/**
 * Just enough protobuf for the few messages that are asked of container runtimes: fields that are not listed are
 * skipped, so newer runtimes and older ones are read alike.
 */

/** How a field is read: `empty` when it is absent, `add` for each time that it is there. */
export interface Field<Value> {
  readonly number: number;
  empty(): Value;
  /** Returns the new value. Throws when `raw` is not what the field has. All that is read here has a length. */
  add(value: Value, raw: Uint8Array, room: Room): Value;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Message<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value : never;
};

/** How many messages an answer may have in it yet: two bytes can be one, and it takes some hundred when it is read. */
interface Room {
  left: number;
}

/** Thousands of containers, each with all its labels. */
const MOST_MESSAGES = 65_536;

const decoder = new TextDecoder('utf-8');
const encoder = new TextEncoder();

export function string(number: number): Field<string> {
  return { number, empty: () => '', add: (_, raw) => decoder.decode(raw) };
}

export function bytes(number: number): Field<Uint8Array> {
  return { number, empty: () => new Uint8Array(0), add: (_, raw) => raw };
}

export function message<F extends Fields>(number: number, fields: F): Field<Message<F> | undefined> {
  return { number, empty: () => undefined, add: (_, raw, room) => decode(fields, raw, room) };
}

export function list<F extends Fields>(number: number, fields: F): Field<readonly Message<F>[]> {
  const add = (value: readonly Message<F>[], raw: Uint8Array, room: Room) => {
    (value as Message<F>[]).push(decode(fields, raw, room));
    return value;
  };
  return { number, empty: () => [], add };
}

const entry = { key: string(1), value: string(2) };

/** map<string, string> */
export function map(number: number): Field<ReadonlyMap<string, string>> {
  const add = (value: ReadonlyMap<string, string>, raw: Uint8Array, room: Room) => {
    const { key, value: text } = decode(entry, raw, room);
    return (value as Map<string, string>).set(key, text);
  };
  return { number, empty: () => new Map(), add };
}

/** Throws a RangeError or TypeError for what is not such a message. */
export function decode<F extends Fields>(
  fields: F,
  input: Uint8Array,
  room: Room = { left: MOST_MESSAGES },
): Message<F> {
  if (room.left-- <= 0) throw new RangeError(`more than ${MOST_MESSAGES} messages in one`);
  const { entries, names } = planOf(fields);
  const found: Record<string, unknown> = {};
  for (const [name, field] of entries) found[name] = field.empty();
  const reader = new Reader(input);
  while (!reader.atEnd) {
    const tag = reader.varint();
    const raw = reader.value(tag & 7);
    const name = names.get(Math.floor(tag / 8));
    if (name === undefined) continue;
    if (!raw) throw new TypeError(`field ${name} is a number`);
    found[name] = fields[name]?.add(found[name], raw, room);
  }
  return found as Message<F>;
}

interface Plan {
  readonly entries: readonly (readonly [string, Field<unknown>])[];
  readonly names: ReadonlyMap<number, string>;
}

const plans = new WeakMap<Fields, Plan>();

function planOf(fields: Fields): Plan {
  const before = plans.get(fields);
  if (before) return before;
  const entries = Object.entries(fields);
  const plan = { entries, names: new Map(entries.map(([name, { number }]) => [number, name])) };
  plans.set(fields, plan);
  return plan;
}

/** A message whose fields are texts or such messages, by number; absent ones are left out. */
export interface Fillable {
  readonly [number: number]: string | Fillable | readonly string[];
}

export function encode(fields: Fillable): Uint8Array {
  const parts = Object.entries(fields).flatMap(([number, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => encodeField(Number(number), one)),
  );
  return Buffer.concat(parts);
}

function encodeField(number: number, value: string | Fillable): Uint8Array {
  const content = typeof value === 'string' ? encoder.encode(value) : encode(value);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...digits, rest]);
    digits.push((rest % 128) + 128);
  }
}

class Reader {
  readonly #input: Uint8Array;
  #at = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  get atEnd(): boolean {
    return this.#at >= this.#input.length;
  }

  /** Exact to 53 bits, which is more than any field that is read needs. */
  varint(): number {
    let value = 0;
    for (let factor = 1, length = 1; ; factor *= 128, length++) {
      const byte = this.#input[this.#at++];
      if (byte === undefined || length > 10) throw new RangeError('a number does not end');
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  }

  /** Undefined: a number, which is passed over. */
  value(wireType: number): Uint8Array | undefined {
    if (wireType === 2) return this.take(this.varint());
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.take(8);
    else if (wireType === 5) this.take(4);
    else throw new RangeError(`wire type ${wireType} is unknown`);
    return undefined;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#input.length) throw new RangeError('a field is longer than its message');
    const part = this.#input.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
