/** What the agent says about itself: `sockflow: message`, a line each, on stderr. */
import { openDescriptor } from './descriptor.ts';
import { sanitise } from './export/text/sanitise.ts';
import { Writer } from './writer.ts';

const levels = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];

export interface Log {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** The same key at most once a minute. */
  limited(level: Level, key: string, message: string): void;
  /** Lines that users and programs wait for: at every level. */
  say(message: string): void;
}

const MINUTE = 60_000;
/** Keys are few by design; this is for a mistake, not for use. */
const MOST_KEYS = 1000;

/** A log that hands finished lines to `write`. `level`: a function where it may change. */
export function createLog(
  level: Level | (() => Level),
  write: (line: string) => void,
  now: () => number = Date.now,
): Log {
  const current = typeof level === 'string' ? () => level : level;
  const lastSaid = new Map<string, number>();
  const say = (message: string) => write(formatLines(message));
  const log = (at: Level, message: string) => {
    if (levels.indexOf(at) <= levels.indexOf(current())) say(message);
  };
  return {
    error: (message) => log('error', message),
    warn: (message) => log('warn', message),
    info: (message) => log('info', message),
    debug: (message) => log('debug', message),
    limited(at, key, message) {
      const before = lastSaid.get(key);
      if (before !== undefined && now() - before < MINUTE) return;
      if (lastSaid.size >= MOST_KEYS) lastSaid.clear();
      lastSaid.set(key, now());
      log(at, message);
    },
    say,
  };
}

function formatLines(message: string): string {
  const lines = message.trimEnd().split('\n');
  return lines.map((line) => `sockflow: ${sanitise(line)}\n`).join('');
}

/** Waiting for a terminal that was stopped must not stop the agent, so stderr has a queue, too. */
const LIMIT = 256 * 1024;

export interface Stderr {
  write(line: string): void;
  close(deadline: number): Promise<void>;
}

/** stderr, if it is still there: an agent that nobody listens to goes on. */
export function createStderr(fd = 2): Stderr {
  const writer = new Writer(openDescriptor(fd), LIMIT);
  return {
    write(line) {
      writer.push([line]);
      writer.start();
    },
    close: (deadline) => writer.close(deadline),
  };
}
