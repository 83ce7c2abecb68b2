/** The first line's numbers: of all connections of the host, whatever the filter says. */
import { losses } from '../cli/books.ts';
import { type KernelCounts, type Ledger, readReason } from '../ledger.ts';
import type { Moved } from './table.ts';

export interface Totals {
  /** TCP connections and UDP conversations that live. */
  readonly open: number;
  /** A second. */
  readonly opened: number;
  readonly closed: number;
  readonly failed: number;
  /** Of the TCP segments that were sent, 0 to 1. */
  readonly retransmitted: number;
  /** Records since the start, and the reason of most of them. */
  readonly lost: number;
  readonly lostMostly: string | undefined;
  /** opened = live + closed + lost. */
  readonly isBalanced: boolean;
}

/** Returns the function that is called at the end of each interval. */
export function createTotals(
  ledger: Ledger,
  readCounts: () => KernelCounts,
): (moved: Moved, seconds: number) => Totals {
  let before: { opened: number; closed: number } | undefined;
  return ({ failed, segments, retransmits }, seconds) => {
    const counts = readCounts();
    const { udp } = counts;
    const opened = counts.opened + udp.opened;
    const closed = counts.closed + udp.closed;
    // What was found at the start was not opened in the first interval.
    const last = before ?? { opened, closed };
    before = { opened, closed };
    return {
      open: counts.live + udp.live,
      opened: (opened - last.opened) / seconds,
      closed: (closed - last.closed) / seconds,
      failed: failed / seconds,
      retransmitted: segments > 0 ? Math.min(1, retransmits / segments) : 0,
      ...lostOf(ledger, counts),
      isBalanced: isBalanced(counts),
    };
  };
}

function lostOf(ledger: Ledger, counts: KernelCounts): Pick<Totals, 'lost' | 'lostMostly'> {
  const all = losses(ledger, counts).filter(({ reason }) => readReason(reason).items === 'records');
  const [most] = all.toSorted((a, b) => b.count - a.count);
  return { lost: all.reduce((sum, { count }) => sum + count, 0), lostMostly: most?.reason };
}

function isBalanced({ opened, closed, live, lost, udp }: KernelCounts): boolean {
  const gone = Object.values(lost).reduce((sum, count) => sum + count, 0);
  return opened === live + closed + gone && udp.opened === udp.live + udp.closed;
}
