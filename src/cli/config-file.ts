/**
 * `--config FILE`: YAML with the names of the options as keys. What can be repeated on the command line is a list here, pairs
 * are a map. Each setting knows its line, so that whatever is wrong with it is said with its place.
 */
import { readFileSync } from 'node:fs';
import type { Node, YAMLMap } from 'yaml';
import { UsageError } from '../errors.ts';
import { yaml } from '../yaml.ts';
import type { Setting } from './environment.ts';
import { nearest } from './nearest.ts';
import { entries, type Key, type Option, optionName } from './options.ts';
import { printable } from './tokens.ts';

/** More than any configuration has. */
const LONGEST = 2 ** 20;

/**
 * The file cannot ask for another version of YAML, in which keys may be other things than texts. The parser compares each key
 * with all others, which takes minutes for a large file that is no configuration; `checkUnique` does not.
 */
const dialect = { prettyErrors: false, schema: 'core', merge: false, uniqueKeys: false } as const;

const byName = new Map(entries.map(([key, option]) => [optionName(key), { key, option }]));

/** Throws a UsageError that names file, line and column. */
export function readConfigFile(file: string): ReadonlyMap<Key, Setting> {
  return parseConfig(read(file), file);
}

/** `file`: what messages call it. */
export function parseConfig(text: string, file: string): ReadonlyMap<Key, Setting> {
  const { LineCounter, isMap, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { ...dialect, lineCounter: lines });
  const at = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error) throw new UsageError(printable(`${at(error.pos[0])}: ${error.message}`, 400));
  const { contents } = document;
  if (contents === null) return new Map();
  if (!isMap(contents)) throw new UsageError(`${at(contents.range?.[0])}: expects options, such as interval: 10s`);
  return readMap(contents, at);
}

function read(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > LONGEST) throw new Error('it is longer than 1 MiB');
    return text;
  } catch (error) {
    throw new UsageError(
      printable(`--config ${file}: ${(error as Error).message}; give a YAML file that can be read`, 400),
    );
  }
}

type Place = (offset: number | undefined) => string;

function readMap(map: YAMLMap, at: Place): ReadonlyMap<Key, Setting> {
  const { isMap, isScalar } = yaml();
  const settings = new Map<Key, Setting>();
  checkUnique(map, at);
  for (const { key: name, value } of map.items as { key: Node; value: Node | null }[]) {
    const place = at(name.range?.[0]);
    const { key, option } = find(isScalar(name) ? String(name.value) : '', place);
    if (isMap(value)) checkUnique(value, at);
    const text = textOf(value, option);
    if (text === undefined)
      throw new UsageError(`${at(value?.range?.[0])}: ${optionName(key)} expects ${option.kind.expects}`);
    settings.set(key, { text, source: `${place}: ${optionName(key)}` });
  }
  return settings;
}

/** What is no text is refused where it is read. */
function checkUnique({ items }: YAMLMap, at: Place): void {
  const { isScalar } = yaml();
  const names = new Set<string>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (names.has(name))
      throw new UsageError(`${at(key.range?.[0])}: ${printable(name)} is there twice: keys are unique`);
    names.add(name);
  }
}

function find(name: string, place: string): { key: Key; option: Option<unknown> } {
  const found = byName.get(name);
  if (found && found.key !== 'config') return found;
  const near = nearest(name, [...byName.keys()]);
  const question = near ? `; did you mean ${near}?` : '; sockflow --help lists them';
  throw new UsageError(`${place}: ${printable(name)} is not an option${question}`);
}

/** As it would be typed; lists as an option reads them. Undefined: it is neither a value nor a list of values. */
function textOf(value: Node | null, { kind }: Option<unknown>): string | undefined {
  const { isMap, isScalar, isSeq } = yaml();
  if (isScalar(value)) return scalarText(value.value);
  if (isSeq(value))
    return join(
      value.items.map((item) => (isScalar(item) ? scalarText(item.value) : undefined)),
      kind.type,
    );
  if (!isMap(value) || kind.type !== 'repeated') return undefined;
  const pairs = value.items.map(({ key, value: item }) => {
    const text = isScalar(item) ? scalarText(item.value) : undefined;
    return isScalar(key) && text !== undefined ? `${String(key.value)}=${text}` : undefined;
  });
  return join(pairs, kind.type);
}

function join(texts: readonly (string | undefined)[], type: Option<unknown>['kind']['type']): string | undefined {
  return texts.includes(undefined) ? undefined : texts.join(type === 'repeated' ? '\n' : ',');
}

function scalarText(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
