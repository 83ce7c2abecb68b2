/** JSON of the right shape with wrong things in it: what is of another type, missing, twice, too long, too deep. */
import type { Random } from './random.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const leaves: readonly Json[] = [
  ...[null, true, false, 0, -1, 0.5, 1e308, 2 ** 53, '', 'None', 'a', '__proto__', '\u0000', '\ud800', '\u001b[2J'],
  ...[[], {}, [[]], [null], { a: null }, { __proto__: null }, '2026-11-24T22:44:24Z', '10.0.0.1', 'x'.repeat(300)],
];

const keys = ['', 'a', '__proto__', 'constructor', 'toString', 'name', '\u0000'];

/** `value` with some of its parts changed, as text; in some cases the text is damaged, too. */
export function damagedJson(value: unknown, random: Random): string {
  let changed = value as Json;
  for (let left = random.below(4); left > 0; left--) changed = change(changed, random);
  const text = JSON.stringify(changed);
  return random.oneIn(8) ? breakText(text, random) : text;
}

/** Goes down to a place by chance and puts something else there. */
function change(value: Json, random: Random): Json {
  if (typeof value !== 'object' || value === null || random.oneIn(8)) return replacement(value, random);
  return Array.isArray(value) ? changeList(value, random) : changeFields(value as { [key: string]: Json }, random);
}

function changeList(list: readonly Json[], random: Random): Json {
  const at = random.below(list.length);
  const part = list[at];
  if (part === undefined || random.oneIn(8)) return [...list, random.pick(leaves)];
  if (random.oneIn(8)) return list.toSpliced(at, 1);
  if (random.oneIn(16)) return Array(random.below(40)).fill(part);
  return list.with(at, change(part, random));
}

function changeFields(fields: { readonly [key: string]: Json }, random: Random): Json {
  const names = Object.keys(fields);
  const name = random.pick(names);
  if (name === undefined || random.oneIn(8)) return { ...fields, [random.pick(keys)]: random.pick(leaves) };
  if (random.oneIn(8)) return Object.fromEntries(Object.entries(fields).filter(([each]) => each !== name));
  if (random.oneIn(12)) return { ...fields, [name]: fields[random.pick(names)] as Json };
  return { ...fields, [name]: change(fields[name] as Json, random) };
}

function replacement(value: Json, random: Random): Json {
  if (random.oneIn(3)) return random.pick(leaves);
  if (typeof value === 'string') return random.oneIn(2) ? value.slice(random.below(value.length)) : value + value;
  if (typeof value === 'number') return value + random.below(5) - 2;
  return random.oneIn(2) ? [value] : { a: value };
}

function breakText(text: string, random: Random): string {
  const at = random.below(text.length);
  const ways = [
    () => text.slice(0, at),
    () => text.slice(at),
    () => `${text.slice(0, at)}${random.pick(['[', '{', '"', '}', ',', '\\u12', '1e', '\n'])}${text.slice(at)}`,
    () => `${'['.repeat(random.below(600))}${text}`,
    () => text.slice(0, at) + text.slice(at + 1 + random.below(8)),
  ];
  return random.pick(ways)();
}
