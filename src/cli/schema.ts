/** The JSON Schema of `--config` files, from the table of options. */
import { entries, type Option, optionName } from './options.ts';

type Schema = Readonly<Record<string, unknown>>;

export function configSchema(): Schema {
  const shown = entries.filter(([key]) => key !== 'config');
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'sockflow --config',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(shown.map(([key, option]) => [optionName(key), schemaOf(option)])),
  };
}

function schemaOf({ kind, help, fallback }: Option<unknown>): Schema {
  const description = `${help}. Expects ${kind.expects}.`;
  if (kind.type === 'flag') return { description, type: 'boolean', ...(fallback && { default: fallback === 'true' }) };
  const common = { description, ...(fallback && { default: fallback }) };
  if (kind.type === 'repeated') return { ...common, ...repeated(kind.placeholder) };
  if (kind.placeholder === 'LIST') return { ...common, type: ['string', 'array'], items: one(kind.words) };
  return { ...common, ...one(kind.words) };
}

function one(words: readonly string[] | undefined): Schema {
  return words ? { enum: words } : { type: ['string', 'number'] };
}

/** Pairs may be a map. */
function repeated(placeholder: string): Schema {
  const items = { type: ['string', 'number'] };
  if (!placeholder.includes('=')) return { type: ['string', 'array'], items };
  return {
    type: ['string', 'array', 'object'],
    items,
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  };
}
