/** A pipeline whose output is whoever asks for the next record. */
import { losses } from '../cli/books.ts';
import { type KernelCounts, Ledger } from '../ledger.ts';
import { createLog } from '../log.ts';
import type { Exporter } from '../model.ts';
import type { Callbacks, CreateOutputs, Pipeline } from '../pipeline.ts';
import type { Selection } from '../select.ts';
import type { Read, ReplayOptions } from './options.ts';
import { Queue } from './queue.ts';
import type { WatchedRecord } from './records.ts';

export interface Counted {
  readonly opened: number;
  readonly closed: number;
  readonly live: number;
}

/** The books, at one moment. */
export interface Statistics {
  /** TCP connections. opened = live + closed + what `lost` has of the stage `kernel`, always. */
  readonly connections: Counted;
  /** UDP conversations. */
  readonly flows: Counted;
  /** Records that were taken. */
  readonly delivered: number;
  /** Records that wait to be taken. */
  readonly waiting: number;
  /** Records that will never be delivered; each is in one entry. docs/architecture.md lists the reasons. */
  readonly lost: readonly { readonly stage: string; readonly reason: string; readonly count: number }[];
  /** What found no room in the kernel without an end being lost by it, by what it was. */
  readonly dropped: Readonly<Record<string, number>>;
  /** What failed without a record being lost by it. */
  readonly faults: readonly { readonly stage: string; readonly what: string; readonly count: number }[];
}

/** Records in the order of their events. To be iterated over once; leaving the loop closes it. */
export interface Watcher extends AsyncIterableIterator<WatchedRecord, undefined>, AsyncDisposable {
  /** What is watched, what is off, and why. */
  readonly description: string;
  /** Also after the end. */
  statistics(): Statistics;
  /** Resolves when nothing is watched any more. What waits by then can still be taken. Idempotent. */
  close(): Promise<void>;
}

type Start = (
  options: Read['options'],
  log: ReturnType<typeof createLog>,
  ledger: Ledger,
  callbacks: Callbacks,
  outputs: CreateOutputs,
) => Promise<Pipeline>;

/** No output is waited for, so nothing takes that long. */
const PATIENCE = 10_000;

/** `waits`: the source has no need to lose anything, so the queue takes all that it is given. */
export async function openWatcher(
  { options, queueLimit }: Read,
  { signal, onWarning }: Pick<ReplayOptions, 'signal' | 'onWarning'>,
  start: Start,
  waits = false,
): Promise<Watcher> {
  signal?.throwIfAborted();
  const ledger = new Ledger();
  const log = createLog('warn', (lines) => onWarning?.(lines.replace(/^sockflow: /gm, '').trimEnd()));
  const queue = new Queue<WatchedRecord>(waits ? Number.POSITIVE_INFINITY : queueLimit);
  const outputs: CreateOutputs = ({ selection }) => [
    createQueueExporter(queue, selection, ledger, () => queue.length > queueLimit / 2),
  ];
  const pipeline = await start(options, log, ledger, { onOutputLost: () => {}, onEnd: () => void close() }, outputs);
  const close = (): Promise<void> => pipeline.shutdown(performance.now() + PATIENCE);
  const leave = async (): Promise<{ done: true; value: undefined }> => {
    await close();
    queue.clear();
    return { done: true, value: undefined };
  };
  if (signal?.aborted) await close();
  else signal?.addEventListener('abort', () => void close(), { once: true });

  const watcher: Watcher = {
    description: pipeline.description,
    async next() {
      const result = await queue.take();
      if (!result.done) ledger.deliver(NAME, 1);
      return result;
    },
    return: leave,
    statistics: () => readStatistics(ledger, pipeline.kernelCounts(), queue.length),
    close,
    [Symbol.asyncIterator]: () => watcher,
    [Symbol.asyncDispose]: async () => void (await leave()),
  };
  return watcher;
}

const NAME = 'watcher';

function createQueueExporter(
  queue: Queue<WatchedRecord>,
  { stdout: isSelected, lookups }: Selection,
  ledger: Ledger,
  isBusy: () => boolean,
): Exporter {
  const push = (records: readonly WatchedRecord[]): void => {
    const lost = queue.push(records);
    if (lost > 0) ledger.lose('export', 'watcher_full', lost);
  };
  return {
    name: NAME,
    export: (records) => push(records.filter(isSelected)),
    exportLookups: (records) => {
      if (lookups.stdout) push(records);
    },
    isBusy,
    shutdown: async () => queue.end(),
  };
}

function readStatistics(ledger: Ledger, counts: KernelCounts, waiting: number): Statistics {
  const { opened, closed, live, udp, dropped } = counts;
  return {
    connections: { opened, closed, live },
    flows: udp,
    delivered: ledger.sent.get(NAME) ?? 0,
    waiting,
    lost: losses(ledger, counts),
    dropped,
    faults: ledger.faulted,
  };
}
