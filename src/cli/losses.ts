/** Says that records were lost, while it happens: a line a minute for each stage and reason, with the remedy. */
import { type KernelCounts, type Ledger, readReason } from '../ledger.ts';
import type { Log } from '../log.ts';
import { losses } from './books.ts';
import type { Options } from './options.ts';
import { formatSize } from './units.ts';

/** What can be done about a loss, by its reason. */
type Remedies = Readonly<Record<string, (options: Options) => string>>;

const remedies: Remedies = {
  ring_full: ({ ringSize }) => `--ring-size is ${formatSize(ringSize)}, try ${formatSize(ringSize * 2)}`,
  table_full: ({ maxConnections }) => `--max-connections is ${maxConnections}, try ${maxConnections * 2}`,
  queue_full: ({ queueSize }) =>
    `the server takes less than comes: --queue-size is ${formatSize(queueSize)}, try ${formatSize(queueSize * 2)}`,
  // Their queue has a size of its own.
  metrics_queue_full: () => 'the server takes less than comes: send less often, with a longer --metric-interval',
  ntopng_queue_full: ({ queueSize }) =>
    `no ntopng reads there, or it reads too slowly: --queue-size is ${formatSize(queueSize)}, try ${formatSize(queueSize * 2)}`,
  spool_full: ({ spoolSize }) =>
    `the server was away for too long: --spool-size is ${formatSize(spoolSize)}, try ${formatSize(spoolSize * 2)}`,
  stdout_full: () => 'whatever reads stdout is too slow: read faster, or watch less with --events',
};

/** Returns a function that looks at the books and says what is new in them. */
export function createLossWatch(options: Options, log: Log, ledger: Ledger, counts: () => KernelCounts): () => void {
  const said = new Map<string, { count: number; at: number }>();
  return () => {
    for (const { stage, reason, count } of losses(ledger, counts())) {
      const key = `${stage}/${reason}`;
      const before = said.get(key) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
      if (count === before.count || performance.now() - before.at < 60_000) continue;
      said.set(key, { count, at: performance.now() });
      const { items, plain } = readReason(reason);
      const remedy = (remedies[reason] ?? remedies[plain])?.(options);
      log.warn(`LOST ${count - before.count} ${items}: ${stage} ${reason}${remedy ? `; ${remedy}` : ''}`);
    }
  };
}
