import test from 'ava';
import { RecentMap } from '../../src/recent.ts';

test('it has the latest, never more than it may', (t) => {
  const map = new RecentMap<number, number>(10);
  for (let n = 0; n < 1_000; n++) map.set(n, n);
  const kept = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => map.get(n) !== undefined);
  t.true(kept.length >= 5 && kept.length <= 10, kept.join());
  t.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, n) => 1_000 - kept.length + n),
  );
});

test('what is asked for stays', (t) => {
  const map = new RecentMap<string, number>(10);
  map.set('wanted', 1);
  for (let n = 0; n < 1_000; n++) {
    map.set(`${n}`, n);
    t.is(map.get('wanted'), 1);
  }
});

test('what is taken away is gone, whichever generation it was in', (t) => {
  const map = new RecentMap<number, number>(4);
  for (const n of [1, 2, 3]) map.set(n, n);
  for (const n of [1, 2, 3]) map.delete(n);
  for (const n of [1, 2, 3]) t.is(map.get(n), undefined);
  map.set(1, 5);
  t.is(map.get(1), 5);
});
