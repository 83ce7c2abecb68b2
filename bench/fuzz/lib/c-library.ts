/** What the C library reads, under clang's libFuzzer with AddressSanitizer and UBSan: test/library/fuzz.cc */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupRows } from '../../../test/support/cgroup-paths.ts';
import { recordedBatches } from './recorded.ts';

export const cLibrary = {
  name: 'c-library',
  reads: 'batches, paths of cgroups and answers of Docker, in C++ (needs libclang-rt-14-dev)',
};

export interface LibraryRun {
  readonly inputs: number;
  readonly seed: number;
  /** A file with one input instead. */
  readonly input: string | undefined;
}

const CHECKOUT = join(import.meta.dirname, '../../..');
const BUILT = join(CHECKOUT, 'build/fuzz');
const KEPT = join(CHECKOUT, 'bench/fuzz/corpus/c-library');
const PARTS = ['bundle', 'decode', 'docker', 'names', 'outcome', 'placement', 'process'];
const DOCKER = `HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"Name":"/web","Config":{"Labels":{"io.kubernetes.container.name":"c","io.kubernetes.pod.name":"p"}}}`;

/** Throws when something was found, which libFuzzer has said by then. */
export function fuzzLibrary({ inputs, seed, input }: LibraryRun): void {
  const program = build();
  const corpus = join(BUILT, 'c-library');
  mkdirSync(corpus, { recursive: true });
  const limits = ['-max_len=8192', '-timeout=5', '-rss_limit_mb=1024', `-artifact_prefix=${BUILT}/c-library-`];
  const many = [`-runs=${inputs}`, `-seed=${seed % 2 ** 32}`, '-print_final_stats=1', corpus, seeds(), KEPT];
  const { status } = spawnSync(program, [...limits, ...(input === undefined ? many : [input])], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`c-library: libFuzzer ended with ${status}; the input is build/fuzz/c-library-…`);
}

function build(): string {
  const program = join(BUILT, 'c-library-fuzzer');
  mkdirSync(BUILT, { recursive: true });
  const checks = '-fsanitize=fuzzer,address,undefined';
  const flags = ['-std=c++20', '-O1', '-g', checks, '-fno-sanitize-recover=all', '-Inative/library', '-o', program];
  const sources = ['test/library/fuzz.cc', ...PARTS.map((part) => `native/library/${part}.cc`)];
  try {
    execFileSync('clang++', [...flags, ...sources], { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'pipe'] });
  } catch (error) {
    const said = `${(error as { stderr?: Buffer }).stderr ?? error}`;
    const remedy = said.includes('clang_rt') ? 'install libclang-rt-14-dev (of the version of clang)' : said;
    throw new Error(`c-library cannot be built: ${remedy}`);
  }
  return program;
}

/** What is right, made anew each time: in build/, since it follows the wire. */
function seeds(): string {
  const directory = join(BUILT, 'c-library-seeds');
  mkdirSync(directory, { recursive: true });
  const put = (name: string, kind: number, content: Uint8Array | string) =>
    writeFileSync(join(directory, name), Buffer.concat([Buffer.of(kind), Buffer.from(content as string)]));
  for (const [index, batch] of recordedBatches().entries()) put(`batch-${index}`, 0, new Uint8Array(batch));
  for (const [index, [, path]] of cgroupRows.entries()) put(`path-${index}`, 1, path);
  put('docker', 2, DOCKER);
  return directory;
}
