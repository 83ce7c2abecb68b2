/** Records to stdout: batched, bounded, and never waiting for the reader. */
import { openDescriptor } from '../descriptor.ts';
import type { Ledger } from '../ledger.ts';
import { type Text, Writer } from '../writer.ts';

export interface Stdout {
  /** Takes over a text for each record, line feeds included. What doesn't fit is counted as lost. */
  write(texts: readonly Text[]): void;
  /** What stands before all records, and is none. Before the first `write`. */
  begin(head: Uint8Array): void;
  /** More waits than a reader that is at work leaves. */
  isBusy(): boolean;
  /** Writes what waits until `deadline` (as performance.now()) and counts the rest. */
  shutdown(deadline: number): Promise<void>;
}

export interface StdoutOptions {
  readonly ledger: Ledger;
  /** stdout is of no use any more. `stdout_closed`: its reader went away, which is a way to end us. */
  readonly onLost: (reason: string) => void;
  readonly fd?: number;
  /** Bytes that may wait for the reader. */
  readonly limit?: number;
}

/** Tens of thousands of records as JSON: the second that a reader may need to wake up. */
const LIMIT = 64 * 2 ** 20;

/** Errors that say that nobody is there: a closed pipe, a socket or a terminal that was hung up. */
const readerGone = new Set(['EPIPE', 'ECONNRESET', 'EIO']);

export function createStdout({ ledger, onLost, fd = 1, limit = LIMIT }: StdoutOptions): Stdout {
  let lostAs: 'stdout_closed' | 'stdout_failed' | undefined;
  let shutdown: Promise<void> | undefined;
  let isScheduled = false;
  const writer = new Writer(openDescriptor(fd), limit, {
    onWritten: (count) => ledger.deliver('stdout', count),
    onDropped: (count, reason) =>
      ledger.lose('export', reason === 'full' ? 'stdout_full' : (lostAs ?? 'stdout_shutdown'), count),
    onError: (error) => {
      lostAs = readerGone.has(error.code ?? '') ? 'stdout_closed' : 'stdout_failed';
      onLost(lostAs === 'stdout_closed' ? lostAs : `${lostAs}: ${error.message}`);
    },
  });
  // One system call for all that one turn of the event loop brings.
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      writer.start();
    });
  };
  return {
    write(texts) {
      if (texts.length === 0) return;
      writer.push(texts);
      schedule();
    },
    begin(head) {
      writer.begin(head);
      schedule();
    },
    isBusy: () => writer.waiting > limit / 8,
    shutdown(deadline) {
      shutdown ??= writer.close(deadline);
      return shutdown;
    },
  };
}
