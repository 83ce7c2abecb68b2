/** One line on a terminal that is written over again and again: what takes long, and how far it is. */
import { sanitise } from '../export/text/sanitise.ts';
import { cutEnd } from '../export/text/width.ts';

export interface ProgressLine {
  /** Undefined: it is over. */
  show(text: string | undefined): void;
  /** For lines that stay: they come above it. */
  write(line: string): void;
}

const CLEAR = '\r\x1b[K';

/** A line that is wrapped could not be written over. Asking how wide the terminal is would change flags that others share. */
const WIDTH = 79;

export function createProgressLine(write: (text: string) => void): ProgressLine {
  let shown = '';
  return {
    show(text) {
      const line = text === undefined ? '' : cutEnd(`sockflow: ${sanitise(text)}`, WIDTH);
      if (line === shown) return;
      write(CLEAR + line);
      shown = line;
    },
    write: (line) => write(shown === '' ? line : CLEAR + line + shown),
  };
}

/** Milliseconds between two looks. */
const STEP = 250;

/** Shows what `describe` says until the function that is returned is called. */
export function watchProgress(show: (text: string | undefined) => void, describe: () => string): () => void {
  const timer = setInterval(() => show(describe()), STEP);
  return () => {
    clearInterval(timer);
    show(undefined);
  };
}
