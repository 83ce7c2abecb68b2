/** The keys, in at most 76 columns. */
import type { TopSymbols } from './symbols.ts';

export function formatHelp({ upDown, enter, cursor, folded, times, sent, received }: TopSymbols): string[] {
  return [
    '',
    `  ${upDown} k j          move            PgUp PgDn ^B ^F    a page`,
    `  Home End G      first, last     Esc                no cursor, no help`,
    `  ${enter} space l h     open or close the group at ${cursor} (${folded})`,
    '  g               group by process, pod, peer, port, user, or not at all',
    '  s S             sort by the next column; turn the order round',
    '  /               filter, in the words of --filter: proc=nginx !port=22 rtt>50ms',
    '  f               only what failed; again: all',
    '  t               those that ended in the last five minutes, too',
    '  c               columns: which are seen',
    '  n               names of peers, or addresses',
    '  p               pause: what is seen stays, what happens is counted',
    '  q ^C            quit           ^Z  stop, fg goes on',
    '',
    `  ${received} received, ${sent} sent, bytes a second of payload; K = 1000. CAPITALS: it failed.`,
    `  A group has the sums of its connections, the longest RTT, and ${times} peers.`,
  ];
}
