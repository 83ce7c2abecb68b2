/** The ledger and the kernel's counts in words: the summary line at the end, and what was lost while it runs. */
import { type KernelCounts, type Ledger, readReason } from '../ledger.ts';

interface Loss {
  readonly stage: string;
  readonly reason: string;
  readonly count: number;
}

/** Records that were complete and had nowhere to go any more when time was up; everything else that is lost is lost. */
const isUnsent = ({ stage, reason }: Loss) => stage === 'export' && /(^|_)shutdown$/.test(reason);

/** Everything that was lost so far, once: what the kernel side counted itself is left out of the ledger's entries. */
export function losses(ledger: Ledger, counts: KernelCounts): Loss[] {
  const kernel = Object.entries(counts.lost).map(([reason, count]) => ({ stage: 'kernel', reason, count }));
  const others = ledger.lost.filter(({ stage, reason }) => stage !== 'kernel' || !(reason in counts.lost));
  return [...kernel, ...others].filter(({ count }) => count > 0);
}

/** How it ended, as far as the summary needs to know. */
export interface Ending {
  /** Nobody waited for the outputs, so nobody knows what they had not sent. */
  readonly isAtOnce: boolean;
  readonly internalErrors: number;
}

/** One line: how many records, what became of them. */
export function formatSummary(ledger: Ledger, counts: KernelCounts, { isAtOnce, internalErrors }: Ending): string {
  const byItems = Map.groupBy(losses(ledger, counts), ({ reason }) => readReason(reason).items);
  const all = byItems.get('records') ?? [];
  const lost = all.filter((loss) => !isUnsent(loss));
  const parts = [
    `${ledger.received} records (${formatKernel(counts)})`,
    `sent ${formatSent(ledger.sent)}${formatRestored(ledger.restored)}`,
    ...formatKept(ledger.kept),
    `unsent ${isAtOnce ? 'unknown' : sum(all.filter(isUnsent))}`,
    `lost ${sum(lost)}${formatLosses(lost)}`,
    ...formatOthers(byItems),
    ...formatDropped(counts.dropped),
    ...(counts.late ? [`late ends ${counts.late}`] : []),
    ...(counts.folded > 0 ? [`folded ${counts.folded} datagrams`] : []),
    ...(ledger.late > 0 ? [`${ledger.late} without their container's name`] : []),
    ...formatFaults(ledger),
    ...(internalErrors > 0 ? [`internal errors ${internalErrors}`] : []),
  ];
  return parts.join(', ');
}

/** TCP connections and UDP conversations together. */
function formatKernel({ opened, closed, live, udp }: KernelCounts): string {
  return `opened ${opened + udp.opened}, closed ${closed + udp.closed}, live ${live + udp.live}`;
}

/** What found no room without a connection being lost by it: an update comes again with the next interval. */
function formatDropped(dropped: KernelCounts['dropped']): string[] {
  const some = Object.entries(dropped).filter(([, count]) => count > 0);
  return some.length === 0 ? [] : [`dropped ${some.map(([what, count]) => `${count} ${what}`).join(' and ')}`];
}

function formatSent(sent: ReadonlyMap<string, number>): string {
  const all = [...sent];
  const [only] = all;
  if (only && all.length === 1) return `${only[1]}`;
  return all.length === 0 ? '0' : all.map(([exporter, count]) => `${count} to ${exporter}`).join(' and ');
}

function formatRestored(restored: ReadonlyMap<string, number>): string {
  const total = [...restored.values()].reduce((all, count) => all + count, 0);
  return total > 0 ? ` (${total} of them from an earlier run)` : '';
}

function formatKept(kept: ReadonlyMap<string, number>): string[] {
  const total = [...kept.values()].reduce((all, count) => all + count, 0);
  return total > 0 ? [`kept for the next run ${total}`] : [];
}

function formatLosses(lost: readonly Loss[]): string {
  return lost.length === 0
    ? ''
    : ` (${lost.map(({ stage, reason, count }) => `${stage} ${reason} ${count}`).join(', ')})`;
}

/** Spans and points of metrics, which are no records. */
function formatOthers(byItems: ReadonlyMap<string, readonly Loss[]>): string[] {
  const others = [...byItems].filter(([items]) => items !== 'records');
  return others.map(([items, all]) => `lost ${sum(all)} ${items}${formatLosses(all)}`);
}

/** Nothing was lost by them. */
function formatFaults({ faulted }: Ledger): string[] {
  const all = faulted.map(({ stage, what, count }) => ({ stage, reason: what, count }));
  return all.length === 0 ? [] : [`faults ${sum(all)}${formatLosses(all)}`];
}

function sum(all: readonly Loss[]): number {
  return all.reduce((total, { count }) => total + count, 0);
}
