/**
 * Arguments of processes that the kernel side could not read: those that had sockets before the agent, or whose arguments
 * are not in memory. /proc has them as long as the process lives.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { withoutMark } from '../capture/proc.ts';
import { readArguments } from '../capture/process.ts';
import type { ProcessFiles } from '../capture/process-files.ts';
import type { Process } from '../model.ts';
import type { Enricher } from './enricher.ts';

/** Bytes; as the kernel side has it. */
const LONGEST = 1024;

/** `proc`: where the host's proc file system is. What cannot be had is a fault, and counted. */
export function createArgumentsEnricher(proc: string, files: Pick<ProcessFiles, 'readLink'>): Enricher {
  return {
    name: 'command_args',
    enrich(process) {
      if (process.commandArgs || process.executablePath === undefined) return;
      const bytes = readStart(`${proc}/${process.pid}/cmdline`);
      if (bytes.length === 0 || !isStill(process, files)) throw new Error(`process ${process.pid} has gone`);
      process.commandArgs = readArguments(bytes.subarray(0, LONGEST), bytes.length > LONGEST);
    },
  };
}

/** The program may have been replaced, and the pid taken by another process, since it was described. */
function isStill({ pid, executableName }: Process, files: Pick<ProcessFiles, 'readLink'>): boolean {
  const path = withoutMark(files.readLink(pid, 'exe')) ?? '';
  return path.slice(path.lastIndexOf('/') + 1) === withoutMark(executableName);
}

/** One byte more than is wanted says that there are more. */
function readStart(file: string): Uint8Array {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(LONGEST + 1);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}
