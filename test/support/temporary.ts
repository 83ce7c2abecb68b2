import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** For what several tests share; the caller removes it. Short, since a name of a socket has at most 107 bytes. */
export function sharedDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'sf-'));
}

export function removeDirectory(directory: string | undefined): void {
  if (directory) rmSync(directory, { recursive: true, force: true });
}

/** A directory that is removed when the test is over. */
export function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sockflow-'));
  t.teardown(() => removeDirectory(directory));
  return directory;
}
