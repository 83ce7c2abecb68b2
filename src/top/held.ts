/** What the agent says about itself, which waits while the screen is the table's. */
export interface Held {
  /** Takes finished lines. */
  write(line: string): void;
  /** From now on they wait, and `onLine` gets each without its line feed. */
  hold(onLine: (line: string) => void): void;
  /** Those that wait are written. Idempotent. */
  release(): void;
}

/** The last ones stay. */
const MOST = 1_000;

export function createHeld(write: (line: string) => void): Held {
  let onLine: ((line: string) => void) | undefined;
  let lines: string[] = [];
  return {
    write(line) {
      if (!onLine) return write(line);
      lines.push(line);
      if (lines.length > MOST) lines.shift();
      onLine(line.trimEnd());
    },
    hold(callback) {
      onLine = callback;
    },
    release() {
      onLine = undefined;
      for (const line of lines) write(line);
      lines = [];
    },
  };
}
