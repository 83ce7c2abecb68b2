/** Says what was found, and keeps the input where nothing else is. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Finding } from './campaign.ts';

const FOUND = join(import.meta.dirname, '../../../build/fuzz');

export function tell({ message, input, cause }: Finding): void {
  mkdirSync(FOUND, { recursive: true });
  const target = message.split(',', 1)[0] ?? '';
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = relative('', join(FOUND, `${target}-${digest}`));
  writeFileSync(file, input);
  console.error(`fuzz: ${message}`);
  console.error(cause instanceof Error ? cause.stack : cause);
  console.error(`fuzz: ${input.length} bytes are enough: npm run fuzz -- ${target} --input ${file}`);
  console.error(`fuzz: when it is mended, keep them as bench/fuzz/corpus/${target}/WHAT-IT-IS`);
}
