import test from 'ava';
import { parseFilter } from '../../../src/filter/parse.ts';
import { groupings, sortings } from '../../../src/top/choices.ts';
import { groupRows, sortGroups, sortRows } from '../../../src/top/groups.ts';
import { itemsOf } from '../../../src/top/items.ts';
import type { Row } from '../../../src/top/table.ts';
import { makeHost, makeState } from '../../support/top-snapshot.ts';

const host = makeHost();
const sum = (rows: readonly { sent: number; received: number }[]) =>
  rows.reduce((total, { sent, received }) => total + sent + received, 0);

for (const grouping of groupings)
  test(`${grouping}: each row is in one group, and the sums agree`, (t) => {
    if (grouping === 'none') return t.is(itemsOf(host, makeState({ grouping, showsEnded: true })).length, host.length);
    const groups = groupRows(host, grouping);
    t.is(new Set(groups.flatMap(({ rows }) => rows)).size, host.length);
    t.is(
      groups.reduce((total, { connections }) => total + connections, 0),
      host.length,
    );
    t.is(sum(groups), sum(host));
    for (const group of groups) {
      t.is(group.sent + group.received, sum(group.rows));
      t.is(
        group.retransmits,
        group.rows.reduce((total, { record }) => total + record.retransmits, 0),
      );
    }
    t.is(new Set(groups.map(({ key }) => key)).size, groups.length);
  });

test('the same program in two pods is two groups', (t) => {
  const [first, second] = [host[0], host[40]] as [Row, Row];
  const moved: Row = {
    ...first,
    record: {
      ...first.record,
      process: { ...second.record.process, executableName: 'nginx' } as NonNullable<Row['record']['process']>,
    },
  };
  t.is(groupRows([first, moved], 'process').length, 2);
});

test('every order can be turned round, and nothing jumps about', (t) => {
  const groups = groupRows(host, 'process');
  for (const by of sortings) {
    const names = sortGroups(groups, { by, isReversed: false }).map(({ key }) => key);
    t.deepEqual(
      sortGroups(groups.toReversed(), { by, isReversed: false }).map(({ key }) => key),
      names,
      by,
    );
    const rows = sortRows(host, { by, isReversed: false });
    t.deepEqual(sortRows(host.toReversed(), { by, isReversed: false }), rows, by);
  }
  const named = (isReversed: boolean) => sortGroups(groups, { by: 'name', isReversed }).map(({ name }) => name);
  t.deepEqual(named(false), ['checkout', 'coredns', 'curl', 'nginx', 'redis-server']);
  t.deepEqual(named(true), named(false).toReversed());
  t.is(sortGroups(groups, { by: 'rate', isReversed: false })[0]?.name, 'nginx');
  t.is(sortGroups(groups, { by: 'rtt', isReversed: false })[0]?.name, 'nginx');
  t.is(sortGroups(groups, { by: 'retransmits', isReversed: false })[0]?.name, 'nginx');
});

test('the filter, what has ended, and what failed', (t) => {
  const names = (changes: Parameters<typeof makeState>[0]) =>
    itemsOf(host, makeState(changes)).map(
      (item) => item.kind === 'group' && `${item.group.name} ${item.group.connections}`,
    );
  t.deepEqual(names({ filter: parseFilter('proc=c*') }), ['checkout 3', 'coredns 1', 'curl 1']);
  t.deepEqual(names({ filter: parseFilter('proc=curl'), showsEnded: true }), ['curl 2']);
  t.deepEqual(names({ onlyFailed: true }), ['checkout 1']);
  t.deepEqual(names({ filter: parseFilter('port=1') }), []);
});

test('an open group has its rows behind it', (t) => {
  const key = groupRows(host, 'process').find(({ name }) => name === 'checkout')?.key ?? '';
  const items = itemsOf(host, makeState({ opened: new Set([key]) }));
  const at = items.findIndex((item) => item.kind === 'group' && item.isOpen);
  t.deepEqual(
    items.slice(at + 1, at + 5).map((item) => (item.kind === 'row' ? item.isLast : item.kind)),
    [false, false, true, 'group'],
  );
});
