/** `-v`: every field of a record as an indented block, under the names that OTLP uses. */
import type { ConnectionRecord } from '../../model.ts';
import {
  type Attribute,
  type AttributeValue,
  createRecordAttributes,
  createResourceAttributes,
  type ShownLabels,
} from '../semconv.ts';
import { sanitise } from './sanitise.ts';

/** Makes the function from a record to its block, each line with its line feed. */
export function createBlockFormatter(
  options: ShownLabels & { readonly ownNetworkNamespace: number },
  ascii: boolean,
): (record: ConnectionRecord) => string {
  const recordAttributes = createRecordAttributes(options);
  const resourceAttributes = createResourceAttributes(options);
  return (record) => {
    const owner = record.process ? formatAll(resourceAttributes, record.process, ascii) : '';
    return owner + formatAll(recordAttributes, record, ascii);
  };
}

/** Of several, those that have spaces or commas in them are in quotes. */
function textOf(value: AttributeValue): string {
  if (!Array.isArray(value)) return `${value}`;
  const isPlain = value.every((part) => /^[^\s",]+$/.test(part));
  return isPlain
    ? value.join(',')
    : value.map((part) => (/[\s"]|^$/.test(part) ? JSON.stringify(part) : part)).join(' ');
}

function formatAll<Source>(attributes: readonly Attribute<Source>[], source: Source, ascii: boolean): string {
  return attributes
    .map(({ key, read }) => ({ key, value: read(source) }))
    .filter((field): field is { key: string; value: AttributeValue } => field.value !== undefined)
    .map(({ key, value }) => `    ${key} = ${sanitise(textOf(value), ascii)}\n`)
    .join('');
}
