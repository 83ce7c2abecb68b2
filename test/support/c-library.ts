/** Programs that use the C library. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '../..');

/** Compiles the decoder alone, so that it reads and writes nothing that is not its own; returns the program's path. */
export function buildDecoder(directory: string): string {
  const program = join(directory, 'decode');
  const sources = ['decode', 'outcome', 'placement', 'process'].map((name) => `native/library/${name}.cc`);
  const flags = [
    '-std=c++20',
    '-O1',
    '-g',
    '-fsanitize=address,undefined',
    '-fno-sanitize-recover',
    '-Inative/library',
  ];
  execFileSync('g++', [...flags, '-o', program, 'test/library/decode.cc', ...sources], { cwd: CHECKOUT });
  return program;
}
