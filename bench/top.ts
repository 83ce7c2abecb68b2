/**
 * What the live view costs with 10,000 live connections that all move: the milliseconds of JavaScript between the end of an
 * interval and the bytes for the terminal, at 200 × 50, by grouping. The process does nothing else meanwhile.
 */
import type { ConnectionRecord } from '../src/model.ts';
import { type Grouping, groupings } from '../src/top/choices.ts';
import { itemsOf } from '../src/top/items.ts';
import { settle } from '../src/top/press.ts';
import { createTable } from '../src/top/table.ts';
import { formatScreen, tableHeight } from '../src/top/view.ts';
import { makeProcess, makeRecord } from '../test/support/otlp-records.ts';
import { makeSnapshot, makeState, makeStyle } from '../test/support/top-snapshot.ts';

const CONNECTIONS = 10_000;
const PROCESSES = 200;
const ROUNDS = 50;
const WARM_UP = 10;
const size = { columns: 200, rows: 50 };

const processes = Array.from({ length: PROCESSES }, (_, index) =>
  makeProcess(index, { executableName: `service-${index % 50}`, pid: index + 1 }),
);
const records = Array.from({ length: CONNECTIONS }, (_, index) => {
  const deltas = { sentBytes: (index * 7) % 9000, receivedBytes: index, sentPackets: 3, receivedPackets: 4 };
  const peerAddress = `10.${(index >> 8) & 255}.${index & 255}.7`;
  const changes = { event: 'update', state: 'established', process: processes[index % PROCESSES], peerAddress, deltas };
  return makeRecord(index, changes as Partial<ConnectionRecord>);
});

function measure(grouping: Grouping): number[] {
  const table = createTable();
  const style = makeStyle({ colors: true });
  const state = makeState({ grouping });
  const round = (): number => {
    table.add(records);
    const begin = performance.now();
    const { rows } = table.take(Date.now(), 1);
    const items = itemsOf(rows, state);
    const settled = settle(state, { items, height: tableHeight(size) });
    formatScreen(makeSnapshot(rows), items, settled, size, style);
    return performance.now() - begin;
  };
  const times = Array.from({ length: WARM_UP + ROUNDS }, round).slice(WARM_UP);
  return times.toSorted((a, b) => a - b);
}

for (const grouping of groupings) {
  const times = measure(grouping);
  const at = (part: number) => (times[Math.floor((times.length - 1) * part)] ?? 0).toFixed(1);
  console.log(`${grouping.padEnd(8)} median ${at(0.5)} ms, 9 of 10 below ${at(0.9)} ms, longest ${at(1)} ms`);
}
