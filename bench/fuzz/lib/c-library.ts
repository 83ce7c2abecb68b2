/** The decoder of the C library, under clang's libFuzzer with AddressSanitizer and UBSan. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const cLibrary = {
  name: 'c-library',
  reads: 'batches, paths and answers in the C library (needs libclang-rt-dev)',
};

export interface LibraryRun {
  readonly inputs: number;
  readonly seed: number;
  readonly input: string | undefined;
}

const CHECKOUT = join(import.meta.dirname, '../../..');
const BUILT = join(CHECKOUT, 'build/fuzz');
const CORPUS = join(CHECKOUT, 'bench/fuzz/corpus/c-library');

/** Throws when something was found, which is said by libFuzzer itself. */
export function fuzzLibrary({ inputs, seed, input }: LibraryRun): void {
  const program = build();
  const found = join(BUILT, 'c-library');
  mkdirSync(found, { recursive: true });
  const limits = ['-max_len=8192', '-timeout=5', '-rss_limit_mb=1024', `-artifact_prefix=${found}/`];
  const work =
    input === undefined ? [`-runs=${inputs}`, `-seed=${seed}`, '-print_final_stats=1', found, CORPUS] : [input];
  const { status } = spawnSync(program, [...limits, ...work], { stdio: 'inherit' });
  if (status !== 0)
    throw new Error(`c-library: libFuzzer ended with ${status}; what it found is in build/fuzz/c-library`);
}

function build(): string {
  const program = join(BUILT, 'c-library-fuzzer');
  mkdirSync(BUILT, { recursive: true });
  return program;
}
