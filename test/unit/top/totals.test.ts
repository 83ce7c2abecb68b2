import test from 'ava';
import { type KernelCounts, Ledger } from '../../../src/ledger.ts';
import { createTotals } from '../../../src/top/totals.ts';

const counts: KernelCounts = {
  opened: 10,
  closed: 6,
  live: 3,
  lost: { ring_full: 1 },
  dropped: {},
  udp: { opened: 5, closed: 3, live: 2 },
  folded: 0,
};
const nothing = { failed: 0, segments: 0, retransmits: 0 };

test('rates are of the interval; what was found at the start is not opened in it', (t) => {
  let now = counts;
  const read = createTotals(new Ledger(), () => now);
  const first = read(nothing, 1);
  t.deepEqual([first.open, first.opened, first.closed, first.retransmitted], [5, 0, 0, 0]);
  now = { ...counts, opened: 16, closed: 8, live: 7, udp: { opened: 7, closed: 3, live: 4 } };
  const second = read({ failed: 3, segments: 400, retransmits: 2 }, 2);
  t.deepEqual([second.open, second.opened, second.closed, second.failed, second.retransmitted], [11, 4, 1, 1.5, 0.005]);
});

test('what was lost, mostly why, and whether the sums agree', (t) => {
  const ledger = new Ledger();
  ledger.lose('export', 'stdout_full', 7);
  ledger.lose('export', 'traces_queue_full', 100);
  const { lost, lostMostly, isBalanced } = createTotals(ledger, () => counts)(nothing, 1);
  t.deepEqual([lost, lostMostly, isBalanced], [8, 'stdout_full', true]);
  t.false(createTotals(ledger, () => ({ ...counts, live: 4 }))(nothing, 1).isBalanced);
  t.false(createTotals(ledger, () => ({ ...counts, udp: { opened: 5, closed: 3, live: 3 } }))(nothing, 1).isBalanced);
});
