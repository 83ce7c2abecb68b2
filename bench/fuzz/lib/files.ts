/** A file in memory whose content is the input, for what reads files by name. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface InputFile {
  readonly path: string;
  put(content: Uint8Array): void;
  remove(): void;
}

export function inputFile(name = 'input'): InputFile {
  const directory = mkdtempSync(join('/dev/shm', 'sockflow-fuzz-'));
  const path = join(directory, name);
  const fd = openSync(path, 'w', 0o600);
  return {
    path,
    put(content) {
      ftruncateSync(fd, 0);
      writeSync(fd, content, 0, content.length, 0);
    },
    remove() {
      closeSync(fd);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
