/**
 * How many records are in memory alone, in a file beside the spool, so that the next run can say what this one took with it
 * when it is killed. It is as old as the last look, and not synced: what a power failure takes is not in it.
 */
import { readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { nextAttempt } from './pauses.ts';

const NAME = 'memory';
/** Milliseconds. */
const LOOK = 50;

/** What an earlier run left; 0 when it ended in order, or when nothing sound is there. Never throws. */
export function takeMark(directory: string): number {
  const path = join(directory, NAME);
  try {
    const [, line, count, sum] =
      /^(sockflow-memory 1 (\d{12})) ([\da-f]{8})\n$/.exec(readFileSync(path, 'latin1')) ?? [];
    rmSync(path, { force: true });
    return line !== undefined && checksum(line) === sum ? Number(count) : 0;
  } catch {
    return 0;
  }
}

export class MemoryMark {
  readonly #path: string;
  readonly #count: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #file: FileHandle | undefined;
  /** What the file says. */
  #written = 0;
  #writing: Promise<void> | undefined;
  #failures = 0;
  #pausedUntil = 0;

  /** `count`: records that are in memory alone, now. `onError` gets what the file system says. */
  constructor(directory: string, count: () => number, onError: (error: unknown) => void) {
    this.#path = join(directory, NAME);
    this.#count = count;
    this.#onError = onError;
    this.#timer = setInterval(() => this.#look(), LOOK).unref();
  }

  /** One write at a time, however slow the disk is; nothing where nothing changed. */
  #look(): void {
    if (this.#writing || performance.now() < this.#pausedUntil) return;
    const count = this.#count();
    if (count === this.#written) return;
    this.#writing = this.#write(count)
      .then(() => {
        this.#failures = 0;
      })
      .catch((error) => {
        this.#pausedUntil = nextAttempt(this.#failures++);
        this.#onError(error);
      })
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /** In place and always as long: whoever is killed leaves the old one or the new one. */
  async #write(count: number): Promise<void> {
    this.#file ??= await open(this.#path, 'w', 0o600);
    const line = `sockflow-memory 1 ${String(count).padStart(12, '0')}`;
    await this.#file.write(`${line} ${checksum(line)}\n`, 0, 'latin1');
    this.#written = count;
  }

  /** The run ends in order: what it knows to be lost is counted. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.#file?.close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(this.#onError);
  }
}

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}
