/** What was recorded or found, and is kept: corpus/TARGET/… */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CORPUS = join(import.meta.dirname, '../corpus');

export function kept(target: string): { readonly name: string; readonly input: Buffer }[] {
  const directory = join(CORPUS, target);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .toSorted()
    .map((name) => ({ name, input: readFileSync(join(directory, name)) }));
}

/** What there is to change. */
export function seedsOf(target: string, ...more: readonly (Uint8Array | string)[]): Buffer[] {
  return [...more.map((seed) => Buffer.from(seed as string)), ...kept(target).map(({ input }) => input)];
}
