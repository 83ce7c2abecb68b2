/** The output of the pipeline that keeps the table, and hands it out at the end of each interval. */
import type { ExporterContext } from '../export/index.ts';
import type { ConnectionRecord, Exporter } from '../model.ts';
import { createFailures } from './failures.ts';
import type { Snapshot } from './state.ts';
import { createTable } from './table.ts';
import { createTicker } from './ticker.ts';
import { createTotals } from './totals.ts';

const NAME = 'top';

export interface TopExporter extends Exporter {
  /** What is known by now; intervals begin to end. */
  start(): Snapshot;
}

type Context = Pick<ExporterContext, 'options' | 'selection' | 'ledger' | 'kernelCounts'>;

const events: ReadonlySet<string> = new Set(['open', 'update', 'close', 'failed']);

export function createTopExporter(
  { options, selection, ledger, kernelCounts }: Context,
  onSnapshot: (snapshot: Snapshot) => void,
  onShutdown: () => void,
): TopExporter {
  const table = createTable();
  const failures = createFailures();
  const readTotals = createTotals(ledger, kernelCounts);
  const take = (seconds: number): Snapshot => {
    const at = Date.now();
    const { rows, moved } = table.take(at, seconds);
    return { at, rows, totals: readTotals(moved, seconds), failing: failures.list(at) };
  };
  const ticker = createTicker(options.interval, (seconds) => onSnapshot(take(seconds)));
  const isShown = (record: ConnectionRecord) => events.has(record.event) && selection.flows(record);
  return {
    name: NAME,
    export(records) {
      const shown = records.filter(isShown);
      table.add(shown);
      for (const record of shown) if (record.event === 'failed') failures.add(record, Date.now());
      if (shown.some(({ event }) => event === 'update')) ticker.saw();
      ledger.deliver(NAME, records.length);
    },
    start() {
      const first = take(1);
      ticker.start();
      return first;
    },
    async shutdown() {
      ticker.stop();
      onShutdown();
    },
  };
}
