/**
 * Millions of damaged inputs through what reads what others wrote: `npm run fuzz -- TARGET… [--runs N] [--seed S] [--from N]`, or
 * one that was kept: `npm run fuzz -- TARGET --input FILE`. Ends with 1 and the input when a target breaks its word. docs/fuzzing.md
 */
import { readFileSync } from 'node:fs';
import { nearest } from '../../src/cli/nearest.ts';
import { readOptions, refuse, wholeNumber } from '../lib/options.ts';
import { runAside } from './lib/aside.ts';
import { cLibrary, fuzzLibrary } from './lib/c-library.ts';
import { Finding, judgeOne } from './lib/campaign.ts';
import type { Target } from './lib/target.ts';
import { tell } from './lib/tell.ts';
import { targets } from './targets/index.ts';

const DEFAULT_INPUTS = 10_000_000;

await main().catch((error) => {
  if (error instanceof Finding) tell(error);
  else console.error(`fuzz: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values, positionals } = readOptions({
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string' },
      input: { type: 'string' },
    },
  });
  if (positionals.length === 0) return list();
  const names = positionals.includes('all') ? [...targets.map(({ name }) => name), cLibrary.name] : positionals;
  const chosen = names.filter((name) => name !== cLibrary.name).map(find);
  const inputs = values.runs === undefined ? undefined : wholeNumber('--runs', values.runs, 0);
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : wholeNumber('--seed', values.seed, 0);
  const from = wholeNumber('--from', values.from ?? '0', 0);
  if (from > 0 && names.includes(cLibrary.name)) refuse(`--from: the inputs of ${cLibrary.name} have no numbers`);
  for (const target of chosen)
    if (values.input === undefined)
      await runAside(target, { inputs: inputs ?? target.inputs ?? DEFAULT_INPUTS, seed, from });
    else await again(target, values.input);
  if (names.includes(cLibrary.name)) fuzzLibrary({ inputs: inputs ?? DEFAULT_INPUTS, seed, input: values.input });
}

function list(): void {
  for (const { name, reads } of [...targets, cLibrary]) console.log(`${name.padEnd(14)} ${reads}`);
  console.log(`\nnpm run fuzz -- TARGET… [--runs N] [--seed S] [--from N] [--input FILE]; all: each of them`);
}

function find(name: string): Target {
  const found = targets.find((target) => target.name === name);
  if (found) return found;
  const names = [...targets.map((target) => target.name), cLibrary.name];
  const near = nearest(name, names);
  throw new Error(`there is no target ${name}; ${near ? `did you mean ${near}?` : `there are ${names.join(', ')}`}`);
}

async function again(target: Target, file: string): Promise<void> {
  const isUnderstood = await judgeOne(target, readFileSync(file), file);
  console.log(`${target.name}: ${file} is ${isUnderstood ? 'understood' : 'refused'}, as it should be`);
}
