/**
 * scripts/test [--only STAGE] [--verbose] [FILE …]
 *
 * Runs lint, unit tests and end-to-end tests, then looks for what they left behind on the machine. The last line is
 * `N passed, N failed`: tests, lint tools (one each) and the check for leftovers. FILEs: only these tests.
 * STAGE: lint, unit, e2e, integration or kernels; the last two run only when they are asked for.
 */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, styleText } from 'node:util';
import { findLeftovers, type Run, readHostState, runVariable } from './leftovers.ts';
import { type LintTool, lintTools } from './lint.ts';
import { indent, Report, seconds, symbol } from './report.ts';
import { readTap } from './tap.ts';

interface Tally {
  readonly passed: number;
  readonly failed: number;
}

interface Stage {
  readonly title: string;
  run(): Promise<Tally>;
}

const root = join(import.meta.dirname, '../..');
const integrationTests = 'test/integration/**/*.test.ts';
/** Those that fill the machine, or look at all of it: one at a time. */
const oneByOne = ['--serial', '--concurrency=1'];
const alone = ['check', 'clean-exit', 'readme', 'same-pid', 'setup', 'tcp-conservation'].map(
  (name) => `test/e2e/${name}.test.ts`,
);
/** The others live in network namespaces of their own, and wait more often than they work. */
const sideBySide = ['--concurrency=3'];

const { values: options, positionals: files } = parseArgs({
  options: { only: { type: 'string' }, verbose: { type: 'boolean', default: false } },
  allowPositionals: true,
});

process.exitCode = await main();

async function main(): Promise<number> {
  const stages = chooseStages();
  if (stages.length === 0) return nothingToRun();
  const tally = await runInOwnDirectory(stages);
  if (tally.passed + tally.failed === 0) console.log('No test ran: that is not a success.');
  printTally(tally);
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}

function chooseStages(): Stage[] {
  if (files.length > 0) return [tests('tests', [...oneByOne, ...files])];
  const stages = {
    lint: { title: 'lint', run: lint },
    unit: tests('unit tests', ['test/unit/**/*.test.ts']),
    e2e: tests('end-to-end tests', [...sideBySide, 'test/e2e/**/*.test.ts', ...alone.map((file) => `!${file}`)]),
    alone: tests('end-to-end tests that need the machine for themselves', [...oneByOne, ...alone]),
    integration: tests('integration tests', [...oneByOne, integrationTests]),
    kernels: tests('tests on other kernels', [...oneByOne, 'test/kernels/*.test.ts']),
  };
  if (options.only === undefined) return [stages.lint, stages.unit, stages.e2e, stages.alone];
  if (options.only === 'integration' && globSync(integrationTests, { cwd: root }).length === 0) return [];
  if (options.only === 'e2e') return [stages.e2e, stages.alone];
  if (Object.hasOwn(stages, options.only)) return [stages[options.only as keyof typeof stages]];
  throw new Error(`--only ${options.only}: expected one of ${Object.keys(stages).join(', ')}`);
}

/** Said plainly, so that nobody takes it for a success of something. */
function nothingToRun(): number {
  console.log('There are no integration tests yet (test/integration is empty).');
  printTally({ passed: 0, failed: 0 });
  return 0;
}

async function runInOwnDirectory(stages: readonly Stage[]): Promise<Tally> {
  const run: Run = { mark: randomUUID(), temporaryDirectory: makeTemporaryDirectory() };
  process.env[runVariable] = run.mark;
  process.env.TMPDIR = run.temporaryDirectory;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abandon(run));
  try {
    return await runStages(stages, run);
  } finally {
    rmSync(run.temporaryDirectory, { recursive: true, force: true });
  }
}

/** Open to all like /tmp itself, since tests run programs as other users. */
function makeTemporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-'));
  chmodSync(directory, 0o1777);
  return directory;
}

function abandon(run: Run): never {
  rmSync(run.temporaryDirectory, { recursive: true, force: true });
  process.exit(130);
}

async function runStages(stages: readonly Stage[], run: Run): Promise<Tally> {
  const before = readHostState(run);
  const begun = performance.now();
  let total: Tally = { passed: 0, failed: 0 };
  for (const stage of stages) total = add(total, await runStage(stage));
  // Without a test nothing can be left behind, and a check that cannot fail must not count as passed.
  const runsTests = stages.some((stage) => stage.title !== 'lint');
  if (runsTests && total.passed + total.failed > 0) {
    const check = { title: 'nothing is left behind', run: () => checkLeftovers(before, run) };
    total = add(total, await runStage(check));
  }
  console.log(`\nAll of it took ${seconds(begun)}.`);
  return total;
}

async function runStage(stage: Stage): Promise<Tally> {
  console.log(`\n${styleText('bold', stage.title)}`);
  const begun = performance.now();
  const tally = await stage.run();
  console.log(`  ${tally.passed} passed, ${tally.failed} failed, ${seconds(begun)}`);
  return tally;
}

/** All at once; each one's findings in a block of their own. */
async function lint(): Promise<Tally> {
  const outcomes = await Promise.all(lintTools(root).map(runLintTool));
  return tallyOf(outcomes);
}

async function runLintTool({ name, command: [program, ...args] }: LintTool): Promise<boolean> {
  const begun = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const problem = await ending(child);
  console.log(`  ${symbol(problem === undefined)} ${name} ${seconds(begun)}`);
  if (problem !== undefined) console.log(indent(`${Buffer.concat(output).toString().trim()}\n${problem}`));
  return problem === undefined;
}

function tests(title: string, args: readonly string[]): Stage {
  return { title, run: () => runAva(args) };
}

async function runAva(args: readonly string[]): Promise<Tally> {
  const child = spawn('ava', ['--tap', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = ending(child);
  const report = new Report(options.verbose);
  const summary = await readTap(createInterface({ input: child.stdout }), (result) => report.show(result));
  report.end();
  const problem = await ended;
  // Every way to end badly counts, also the ones that ava's report knows nothing of.
  const unexplained = !summary.complete || (problem !== undefined && summary.failed === 0);
  if (unexplained) console.log(`  ${symbol(false)} ${explain(problem, summary.complete)}`);
  if (summary.skipped > 0) console.log(`  ${summary.skipped} skipped`);
  return { passed: summary.passed, failed: summary.failed + (unexplained ? 1 : 0) };
}

async function checkLeftovers(before: ReturnType<typeof readHostState>, run: Run): Promise<Tally> {
  const left = await findLeftovers(before, run);
  for (const thing of left) console.log(`  ${symbol(false)} ${thing}`);
  if (left.length > 0)
    console.log('  New since the tests began. If another program made it meanwhile, run the tests again.');
  return tallyOf([left.length === 0]);
}

/** ava's TAP report is silent about a test file whose process does not end; its own report names it. */
function explain(problem: string | undefined, complete: boolean): string {
  const ended = problem ?? 'it did not finish its report';
  if (!complete) return `the test runner broke off: ${ended}`;
  return `the test runner failed without a failed test (${ended}): perhaps a test file left something open and did not end; \`npx ava FILES\` names it`;
}

/** Undefined when the program ended well, else how it ended. */
async function ending(child: ReturnType<typeof spawn>): Promise<string | undefined> {
  try {
    const [code, signal] = await once(child, 'close');
    if (code === 0) return undefined;
    return signal ? `ended by ${signal}` : `exit code ${code}`;
  } catch (error) {
    return String(error);
  }
}

function tallyOf(outcomes: readonly boolean[]): Tally {
  const passed = outcomes.filter(Boolean).length;
  return { passed, failed: outcomes.length - passed };
}

function add(one: Tally, other: Tally): Tally {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed };
}

function printTally({ passed, failed }: Tally): void {
  console.log(`${passed} passed, ${failed} failed`);
}
