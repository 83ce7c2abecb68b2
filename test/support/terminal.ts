/** A terminal that a test looks at and types into: tmux, with a server of the test's own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { cleanEnvironment } from './agent.ts';
import { eventually, finished, TIED } from './processes.ts';
import { temporaryDirectory } from './temporary.ts';

const run = promisify(execFile);

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** What the prompt of its shell says. */
export const PROMPT = 'ready>';

export class Terminal {
  readonly #socket: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(socket: string, env: NodeJS.ProcessEnv) {
    this.#socket = socket;
    this.#env = env;
  }

  /** With an interactive bash that has job control and no configuration; it ends with the test. */
  static async open(t: ExecutionContext, { columns, rows, env = {} }: TerminalOptions): Promise<Terminal> {
    const socket = join(temporaryDirectory(t), 'tmux');
    const all = { ...cleanEnvironment(), LC_ALL: 'C.UTF-8', PS1: PROMPT, TMUX: '', ...env };
    // Not a daemon, so that it is a child that ends with the test.
    const command = ['tmux', '-D', '-u', '-S', socket, '-f', '/dev/null'];
    const server: ChildProcess = spawn(TIED[0], [...TIED.slice(1), ...command], { stdio: 'ignore', env: all });
    const terminal = new Terminal(socket, all);
    t.teardown(async () => {
      await terminal.#tmux('kill-server').catch(() => server.kill('SIGKILL'));
      await finished(server);
    });
    await eventually('tmux', () => existsSync(socket), Boolean);
    const size = ['-x', `${columns}`, '-y', `${rows}`];
    await terminal.#tmux('new-session', '-d', ...size, 'bash', '--norc', '--noprofile', '-i');
    await terminal.#tmux('set-option', '-g', 'status', 'off');
    await terminal.resize(columns, rows);
    await terminal.see('a prompt', (screen) => screen.includes(PROMPT));
    return terminal;
  }

  /** A word such as Enter or C-z is that key, anything else its letters. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  /** A line for the shell. */
  async enter(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line);
    await this.press('Enter');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** The lines without spaces at their ends. With `colours`: with the sequences that make them. */
  async screen({ colours = false } = {}): Promise<string> {
    return this.#tmux('capture-pane', '-p', ...(colours ? ['-e'] : []));
  }

  /** Waits until the screen is as wanted; what it is then. */
  see(what: string, isWanted: (screen: string) => boolean): Promise<string> {
    return eventually(what, () => this.screen(), isWanted);
  }

  /** Whether it shows its other screen, and whether its cursor is seen. */
  async modes(): Promise<{ readonly isOther: boolean; readonly hasCursor: boolean }> {
    const text = await this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}');
    return { isOther: text.startsWith('1'), hasCursor: text.trim().endsWith('1') };
  }

  /** Hangs up. */
  async close(): Promise<void> {
    await this.#tmux('kill-session');
  }

  /** The pid of its shell. */
  async shell(): Promise<number> {
    return Number(await this.#tmux('display-message', '-p', '#{pane_pid}'));
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-u', '-S', this.#socket, ...args], { env: this.#env });
    return stdout;
  }
}
