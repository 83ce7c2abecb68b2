/**
 * Writing to a file descriptor that somebody else made, without ever waiting for who reads it. Node's own stdout can
 * wait for a terminal that was stopped with Ctrl-S or keep what was not read in memory without limit.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

export interface Descriptor {
  /** Whether `write` always answers with a number. */
  readonly isImmediate: boolean;
  /** Takes as many bytes as it can now; 0: none, try again later. Throws what the system says. */
  readonly write: (bytes: Uint8Array) => number | Promise<number>;
}

/** Finds the way to write that suits what is behind `fd`. `files`: whether to wait until a file has taken the bytes. */
export function openDescriptor(fd: number, files: 'wait' | 'later'): Descriptor {
  const stat = fstatSync(fd);
  if (stat.isSocket()) return writeNow(makeNonBlocking(fd));
  if (stat.isFIFO() || isatty(fd)) return writeNow(reopen(fd) ?? (stat.isFIFO() ? makeNonBlocking(fd) : fd));
  return files === 'wait' ? writeNow(fd) : writeElsewhere(fd);
}

/**
 * An own description of the same pipe or terminal: that this one doesn't wait is nobody else's business, while the flag
 * on `fd` itself would be shared with the shell and with whatever else has the same stdout.
 */
function reopen(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** A socket can't be opened again. That Node takes it makes it non-blocking; Node undoes that at the end. */
function makeNonBlocking(fd: number): number {
  new Socket({ fd, readable: false, writable: true }).unref();
  return fd;
}

function writeNow(fd: number): Descriptor {
  return {
    isImmediate: true,
    write: (bytes) => {
      try {
        return writeSync(fd, bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
        throw error;
      }
    },
  };
}

/** A disk may be slow, but answers: that is left to Node's threads. */
function writeElsewhere(fd: number): Descriptor {
  return {
    isImmediate: false,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        write(fd, bytes, (error, written) => (error ? reject(error) : resolve(written)));
      }),
  };
}
