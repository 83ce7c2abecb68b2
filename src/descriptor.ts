/**
 * Writing to a file descriptor that somebody else made, without ever waiting for who reads it. Node's own stdout can
 * wait for a terminal that was stopped with Ctrl-S or keep what was not read in memory without limit.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

export interface Descriptor {
  /** Takes as many bytes as it can now; 0: none, try again later. Throws what the system says. */
  readonly write: (bytes: Uint8Array) => number;
}

/**
 * Finds the way to write that suits what is behind `fd`. A file takes bytes at the speed of memory, so it is written
 * to at once: Node's threads would be quicker to hand over, but answer only between the batches of a storm.
 */
export function openDescriptor(fd: number): Descriptor {
  const stat = fstatSync(fd);
  if (stat.isSocket()) return writeTo(makeNonBlocking(fd));
  if (stat.isFIFO()) return writeTo(reopen(fd) ?? makeNonBlocking(fd));
  return writeTo(isatty(fd) ? (reopen(fd) ?? fd) : fd);
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

function writeTo(fd: number): Descriptor {
  return {
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
