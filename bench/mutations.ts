/**
 * Do the tests notice when a count is missing? Takes away, one after the other in a copy of the tree, each statement by which
 * something is counted as lost, failed, delivered or begun, and runs the tests that reach the file: one must fail.
 * Prints those that nobody missed.
 *
 *   npm run bench:mutations -- [--only src/export] [--bpf [--tests test/e2e/udp-table.test.ts,…]]
 *
 * With `--bpf` it is the counts of the kernel side, each of which takes a build and end-to-end tests.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readOptions } from './lib/options.ts';

const { values } = readOptions({
  options: {
    only: { type: 'string', default: '' },
    bpf: { type: 'boolean', default: false },
    tests: { type: 'string' },
  },
});

/** In order of how many of the counts they look at. */
const KERNEL_TESTS = [
  'tcp-conservation',
  'tcp-kernel-counters',
  'failed',
  'udp-table',
  'tcp-many',
  'tcp-updates',
  'tcp-start',
  'capabilities',
].map((name) => `test/e2e/${name}.test.ts`);

/** A statement that counts: where it stands in its file. */
interface Site {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const COUNTING_CALL =
  /(?:[\w.#?]*\.#?(?:lose|fault|deliver|restore|keep|lookUp|giveUp|onDamage|onLost)|(?<![.\w#])count)\(|\b(?:ledger\.(?:received|late)|this\.records) ?(?:\+=|-=|\+\+)[^;]*/g;

function sitesOf(file: string): Site[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(COUNTING_CALL)].flatMap(({ 0: found, index }) => {
    const end = found.endsWith('(') ? closing(source, index + found.length) : index + found.length;
    const text = source.slice(index, end);
    const line = source.slice(0, index).split('\n').length;
    return isCall(source, index, end) ? [{ file, line, start: index, end, text }] : [];
  });
}

/** Where the bracket closes that was opened before `from`. */
function closing(source: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; depth > 0 && at < source.length; at++) depth += source[at] === '(' ? 1 : source[at] === ')' ? -1 : 0;
  return at;
}

/** Not a definition, which has a body or a type behind it, and no comment. */
function isCall(source: string, start: number, end: number): boolean {
  const before = source.slice(source.lastIndexOf('\n', start) + 1, start);
  return !/^\s*(\*|\/\/|\/\*)/.test(before) && !/^\s*[:{]/.test(source.slice(end)) && !/(void|inline) $/.test(before);
}

/** Those of the C library take a build each and have counts of their own: they are left out below. */
/** Files that a test reaches by its imports. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g))
    reach(resolve(dirname(file), path as string), seen);
  return seen;
}

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'sockflow-mutations-'));
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  const linked = new Set(['node_modules', ...(values.bpf ? [] : ['build', '.cache'])]);
  cpSync('.', copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path === '.' || !(linked.has(path) || path === '.git'),
  });
  for (const name of linked) symlinkSync(resolve(name), join(copy, name));
  return copy;
}

/** Undefined: all passed. Else what failed first. */
function failure(copy: string, tests: readonly string[]): string | undefined {
  if (values.bpf && spawnSync('scripts/build', { cwd: copy }).status !== 0) return 'does not build';
  const ava = resolve('node_modules/.bin/ava');
  const { status, stdout } = spawnSync(ava, ['--fail-fast', '--serial', '--tap', ...tests], {
    cwd: copy,
    encoding: 'utf8',
    timeout: 600_000,
  });
  if (status === 0) return undefined;
  return /^not ok \d+ - (.*)$/m.exec(stdout)?.[1] ?? `ava ended with ${status}`;
}

function testsOf({ file }: Site, reached: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  if (values.bpf) return values.tests?.split(',') ?? KERNEL_TESTS;
  return [...reached].filter(([, files]) => files.has(resolve(file))).map(([test]) => test);
}

const files = globSync(values.bpf ? ['bpf/*.h', 'bpf/*.c'] : ['src/**/*.ts']).filter(
  (file) => file.startsWith(values.only) && file !== 'src/ledger.ts',
);
const reached = new Map(
  globSync('test/unit/**/*.test.ts', { exclude: ['test/unit/native/**'] }).map((test) => [test, reach(resolve(test))]),
);
const sites = files.sort().flatMap(sitesOf);
const copy = copyTree();
const allTests = new Set(sites.flatMap((site) => testsOf(site, reached)));
const already = failure(copy, [...allTests]);
if (already !== undefined) {
  console.error(`nothing was taken away, and yet a test fails, which would hide all that follows: ${already}`);
  process.exit(1);
}
const survivors: Site[] = [];
for (const [number, site] of sites.entries()) {
  const { file, line, text } = site;
  const target = join(copy, file);
  const source = readFileSync(file, 'utf8');
  writeFileSync(target, source.slice(0, site.start) + (values.bpf ? '(void)0' : 'void 0') + source.slice(site.end));
  const found = failure(copy, testsOf(site, reached));
  writeFileSync(target, source);
  if (found === undefined) survivors.push(site);
  console.log(`${number + 1}/${sites.length} ${file}:${line} ${text.split('\n')[0]}: ${found ?? 'NOBODY MISSED IT'}`);
}
console.log(`${sites.length} counts, ${survivors.length} that nobody missed`);
process.exitCode = survivors.length > 0 ? 1 : 0;
