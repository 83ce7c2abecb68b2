/** The terminal as a screen of lines, and as it was before when it is closed, however that comes about. */
import { openDescriptor } from '../descriptor.ts';
import type { Size } from './view.ts';

export interface Screen {
  readonly size: () => Size;
  /** Shows these lines. A terminal that is too slow for all of them gets the last ones. */
  draw(lines: readonly string[]): void;
  /** Leaves the screen, stops the program, and is back when that goes on. `group`: with all that Ctrl-Z stops. */
  suspend(group: boolean): void;
  /** Idempotent. */
  close(): void;
}

export interface ScreenCallbacks {
  readonly onText: (text: string) => void;
  /** All of it has to be drawn. */
  readonly onResize: () => void;
  /** Nobody sees it any more. */
  readonly onLost: () => void;
}

const CSI = '\x1b[';
/** The other screen, without cursor and without wrapping lines. */
const ENTER = `${CSI}?1049h${CSI}?25l${CSI}?7l${CSI}2J`;
const LEAVE = `${CSI}0m${CSI}?7h${CSI}?25h${CSI}?1049l`;

/** Milliseconds: until a terminal that took nothing is tried again, and for how long at the end. */
const PAUSE = 20;
const LAST_WORDS = 500;
/** A program that is in no session with job control does not stop. */
const STOPPED_BY = 200;

const bed = new Int32Array(new SharedArrayBuffer(4));

/** stdin and stdout must be terminals. */
export function openScreen({ onText, onResize, onLost }: ScreenCallbacks): Screen {
  const { stdin, stdout } = process;
  const descriptor = openDescriptor(1);
  let isOpen = false;
  let shown: readonly string[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let next: readonly string[] | undefined;
  let timer: NodeJS.Timeout | undefined;

  const push = (): void => {
    timer = undefined;
    try {
      while (rest.length > 0) {
        const written = descriptor.write(rest);
        if (written === 0) {
          timer = setTimeout(push, PAUSE);
          return;
        }
        rest = rest.subarray(written);
      }
    } catch {
      rest = Buffer.alloc(0);
      onLost();
      return;
    }
    if (next) drawNow(next);
  };
  const drawNow = (lines: readonly string[]): void => {
    next = undefined;
    const text = difference(shown, lines);
    shown = lines;
    rest = Buffer.from(text);
    push();
  };
  const redraw = (): void => {
    if (!isOpen) return;
    shown = [];
    onResize();
  };
  const enter = (): void => {
    if (isOpen) return;
    isOpen = true;
    stdin.setRawMode(true);
    stdin.resume();
    rest = Buffer.from(ENTER);
    push();
  };
  const leave = (): void => {
    if (!isOpen) return;
    isOpen = false;
    clearTimeout(timer);
    rest = Buffer.alloc(0);
    next = undefined;
    shown = [];
    sayLast(descriptor.write, LEAVE);
    stdin.pause();
    stdin.setRawMode(false);
  };
  const goOn = (): void => {
    process.off('SIGTSTP', stop).on('SIGTSTP', stop);
    enter();
    redraw();
  };
  const suspend = (group: boolean): void => {
    leave();
    process.off('SIGTSTP', stop);
    setTimeout(goOn, STOPPED_BY);
    process.kill(group ? 0 : process.pid, 'SIGTSTP');
  };
  const stop = (): void => suspend(false);
  const close = (): void => {
    leave();
    stdin.off('data', onText);
    stdout.off('resize', redraw);
    process.off('SIGTSTP', stop).off('SIGCONT', goOn).off('exit', leave);
  };

  stdin.setEncoding('utf8').on('data', onText);
  stdout.on('resize', redraw);
  process.on('SIGTSTP', stop).on('SIGCONT', goOn).on('exit', leave);
  enter();
  return {
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    draw(lines) {
      if (!isOpen) return;
      if (rest.length > 0) next = lines;
      else drawNow(lines);
    },
    suspend,
    close,
  };
}

/** Moves to each line that is another one, and writes it. */
function difference(before: readonly string[], after: readonly string[]): string {
  const wipe = before.length === 0 ? `${CSI}2J` : '';
  const count = Math.max(before.length, after.length);
  const changed = Array.from({ length: count }, (_, index) => {
    const line = after[index] ?? '';
    return line === before[index] ? '' : `${CSI}${index + 1};1H${CSI}K${line}`;
  });
  return wipe + changed.join('');
}

/** What must be said before the program goes on, even to a terminal that is slow. */
function sayLast(write: (bytes: Uint8Array) => number, text: string): void {
  const deadline = performance.now() + LAST_WORDS;
  let rest: Buffer = Buffer.from(text);
  try {
    while (rest.length > 0 && performance.now() < deadline) {
      const written = write(rest);
      rest = rest.subarray(written);
      if (written === 0) Atomics.wait(bed, 0, 0, PAUSE);
    }
  } catch {
    // Nobody sees it any more.
  }
}
