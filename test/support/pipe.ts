/** Both ends of a real pipe. */
import { execFileSync } from 'node:child_process';
import { constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { temporaryDirectory } from './temporary.ts';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

interface Pipe {
  readonly file: string;
  readonly reader: number;
  readonly writer: number;
}

/** The writing end waits, as the stdout that a shell gives does. */
export function openPipe(t: ExecutionContext): Pipe {
  const file = join(temporaryDirectory(t), 'fifo');
  execFileSync('mkfifo', [file]);
  const reader = openSync(file, O_RDONLY | O_NONBLOCK);
  return { file, reader, writer: openSync(file, O_WRONLY) };
}

/** Until nothing has room any more. */
export function fill({ file }: Pipe): void {
  const writer = openSync(file, O_WRONLY | O_NONBLOCK);
  try {
    for (;;) writeSync(writer, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

export function readAvailable(fd: number): string {
  const bytes = Buffer.alloc(1 << 20);
  let all = '';
  for (;;) {
    try {
      const count = readSync(fd, bytes);
      if (count === 0) return all;
      all += bytes.toString('latin1', 0, count);
    } catch {
      return all;
    }
  }
}
