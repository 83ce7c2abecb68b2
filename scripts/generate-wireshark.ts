/** Puts the table of names (src/export/semconv.ts) into wireshark/sockflow.lua. `--check` only compares and fails when they differ. */
import { readFileSync, writeFileSync } from 'node:fs';
import {
  type Attribute,
  createLookupAttributes,
  createRecordAttributes,
  hostAttributes,
  resourceAttributes,
} from '../src/export/semconv.ts';

const target = 'wireshark/sockflow.lua';
const ownNetworkNamespace = 0;

const all = [
  ...hostAttributes,
  ...resourceAttributes,
  ...createRecordAttributes({ ownNetworkNamespace }),
  ...createLookupAttributes({ ownNetworkNamespace }),
] as readonly Attribute<never>[];

/** Records of connections and of look-ups share some. */
const once = [...new Map(all.map((attribute) => [attribute.key, attribute])).values()];

/** A JSON string of printable characters is one of Lua, too. */
function line({ key, type, description }: Attribute<never>): string {
  return `  { ${[key, type, description].map((text) => JSON.stringify(text)).join(', ')} },`;
}

const before = readFileSync(target, 'utf8');
const text = before.replace(
  /(?<=^local attributes = \{\n)(?: {2}\{.*\n)*(?=\}\n-- Made until here)/m,
  () => `${once.map(line).join('\n')}\n`,
);
if (!process.argv.includes('--check')) writeFileSync(target, text);
else if (before !== text) {
  console.error(`${target} is not what src/export/semconv/ says: run scripts/generate-wireshark.ts`);
  process.exitCode = 1;
}
