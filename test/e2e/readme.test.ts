import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cleanEnvironment } from '../support/agent.ts';
import { withNamespace } from '../support/netns.ts';
import { type Block, codeBlocks, commands, likeLine } from '../support/readme.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const README = join(CHECKOUT, 'README.md');

const AGENT = /^(npm start|bin\/sockflow|npx sockflow|sockflow)(\s|$)/;
const PATIENCE = 120_000;

interface Run {
  child: ChildProcess;
  /** stdout and stderr, as a terminal shows them. */
  text(): string;
  code(): Promise<number | null>;
  until(pattern: RegExp): Promise<boolean>;
  interrupt(): void;
}

/** In a process group of its own, so that it can be interrupted as by Ctrl-C: npm and all that it has started. */
function run(t: ExecutionContext, command: string): Run {
  const child = spawn('sh', ['-c', `exec ${command}`], {
    cwd: CHECKOUT,
    detached: true,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let news = Promise.withResolvers<void>();
  const more = (chunk: Buffer) => {
    text += chunk;
    news.resolve();
  };
  child.stdout.on('data', more);
  child.stderr.on('data', more);
  const closed = once(child, 'close').finally(() => news.resolve());
  const group = (signal: NodeJS.Signals) => {
    if (child.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal);
  };
  t.teardown(() => group('SIGKILL'));
  const overdue = setTimeout(() => group('SIGKILL'), PATIENCE);
  return {
    child,
    text: () => text,
    interrupt: () => group('SIGINT'),
    async code() {
      await closed;
      clearTimeout(overdue);
      return child.exitCode;
    },
    async until(pattern) {
      while (!pattern.test(text)) {
        if (child.exitCode !== null || child.signalCode !== null) return false;
        news = Promise.withResolvers();
        await news.promise;
      }
      return true;
    },
  };
}

/** It starts and, unless it ends by itself, runs until it is interrupted. */
async function works(t: ExecutionContext, command: string): Promise<void> {
  const started = run(t, command);
  if (await started.until(/^sockflow: ready/m)) {
    if (!command.includes('--duration')) started.interrupt();
    const code = await started.code();
    t.regex(started.text(), /^sockflow: .*records/m, `${command}: ${started.text()}`);
    // npm ends as who was interrupted itself, whatever its script made of it.
    const npmInterrupted = command.startsWith('npm') && (code === 130 || started.child.signalCode === 'SIGINT');
    t.true(code === 0 || npmInterrupted, `${command}: ${code}, ${started.text()}`);
  } else {
    t.is(await started.code(), 0, `${command}: ${started.text()}`);
  }
}

/** Each line of the sample is a line of the output. */
async function isLikely(t: ExecutionContext, block: Block, command: string): Promise<void> {
  const script = block.comments.get('while');
  if (!script) return t.fail(`README.md:${block.line}: a sample needs a "while" comment`);
  const started = run(t, command.replace(/^sudo (-E )?/, ''));
  t.true(await started.until(/^sockflow: ready/m), started.text());
  await withNamespace((namespace) => namespace.run('sh', ['-c', script]));
  const patterns = block.lines.filter((line) => line.trim() !== '').map((line) => ({ line, like: likeLine(line) }));
  const missing = () => {
    const printed = started.text().split('\n');
    return patterns.filter(({ like }) => !printed.some((line) => like.test(line))).map(({ line }) => line);
  };
  // The last lines may come with the end.
  started.interrupt();
  await started.code();
  t.deepEqual(missing(), [], `README.md:${block.line}: not printed; what was printed:\n${started.text()}`);
}

test.serial("README's commands work and its samples are what is printed", async (t) => {
  t.true(existsSync(README));
  const blocks = codeBlocks(readFileSync(README, 'utf8'));
  let tested = 0;
  for (const block of blocks) {
    const sample = block.comments.get('sample of');
    if (block.comments.has('untested')) continue;
    if (sample) {
      await isLikely(t, block, sample);
      tested++;
    } else if (block.language === 'sh') {
      for (const command of commands(block)) {
        if (AGENT.test(command)) await works(t, command);
        else t.fail(`README.md:${block.line}: no test runs "${command}"; <!-- untested: why --> says that it is so`);
        tested++;
      }
    }
  }
  t.true(tested > 0);
});
