import test from 'ava';
import type { HistogramSeries, Series } from '../../../../src/export/otlp/metrics/series.ts';
import { aggregate, type Change, counts, moved, of, total } from '../../../support/metrics.ts';

test('a connection is opened once, by its first record, and lives until its end', (t) => {
  const metrics = aggregate([of(1, { event: 'open' }), of(1, { event: 'update' }), of(2, { event: 'update' })]);
  t.deepEqual(counts(metrics), { opened: 2, closed: 0, failed: 0, live: 2 });
  for (const record of [of(1), of(3), of(4, { event: 'failed', errorType: 'timed_out' })]) metrics.add(record);
  t.deepEqual(counts(metrics), { opened: 4, closed: 2, failed: 1, live: 1 });
});

test('opened = closed + failed + live, whatever comes, series by series too', (t) => {
  const events = ['open', 'update', 'close', 'failed', 'retransmit', 'reset', 'drop'] as const;
  const records = Array.from({ length: 2000 }, (_, step) => {
    const mixed = (step * 2654435761) >>> 0;
    const number = mixed % 97;
    const role = mixed % 3 === 0 ? 'server' : 'client';
    return of(number, { event: events[(mixed >>> 8) % 7] ?? 'open', role, cookie: BigInt(number) });
  });
  const metrics = aggregate(records);
  for (const role of ['client', 'server']) {
    const ofRole = ({ attributes }: Series) => attributes['sockflow.connection.role'] === role;
    const [opened = 0, ...ends] = (['opened', 'closed', 'failed', 'count'] as const).map((name) =>
      total(metrics, name, ofRole),
    );
    t.is(
      opened,
      ends.reduce((sum, count) => sum + count),
    );
    t.true(ends.every((count) => count > 0));
  }
});

test('resets are counted by direction, and what listeners dropped by segments', (t) => {
  const reset = (direction: 'transmit' | 'receive', segments = 1) =>
    ({ event: 'reset', reset: { direction, reason: undefined, segments } }) as const;
  const drop = { direction: 'receive', reason: 'listen_queue', segments: 5 } as const;
  const metrics = aggregate([
    of(1, reset('transmit')),
    of(2, reset('transmit', 4)),
    of(3, reset('receive')),
    of(4, { event: 'drop', state: 'listen', role: 'server', drop }),
    of(4, { event: 'drop', state: 'listen', role: 'server', drop }),
    of(5, { event: 'drop', state: 'established', drop }),
  ]);
  const sent = ({ attributes }: Series) => attributes['network.io.direction'] === 'transmit';
  t.is(total(metrics, 'resets'), 6);
  t.is(total(metrics, 'resets', sent), 5);
  t.is(total(metrics, 'listenDrops'), 10);
  t.deepEqual(counts(metrics), { opened: 0, closed: 0, failed: 0, live: 0 });
});

test('a connection that begins with an unknown owner ends where it began', (t) => {
  const metrics = aggregate([of(1, { event: 'open', process: undefined }), of(1)]);
  const values = metrics.instruments.count.series.map(({ attributes, value }) => [attributes['service.name'], value]);
  t.deepEqual(values, [
    ['unknown_service', 0],
    ['worker1', 0],
  ]);
  t.is(
    total(metrics, 'opened', ({ attributes }) => attributes['service.name'] === 'unknown_service'),
    1,
  );
  t.is(
    total(metrics, 'closed', ({ attributes }) => attributes['service.name'] === 'unknown_service'),
    1,
  );
});

test('what moved is added once, however many records say it', (t) => {
  const metrics = aggregate([
    of(1, { event: 'open', ...moved(0, 0, 1, 1) }),
    of(1, { event: 'update', ...moved(100, 1000, 5, 6, 1) }),
    of(1, { event: 'update', ...moved(150, 1000, 7, 6, 1) }),
    of(1, { event: 'close', ...moved(157, 1013, 9, 8, 3) }),
    of(2, { event: 'close', ...moved(11, 17, 2, 3) }),
  ]);
  const direction = (name: string) => (series: Series) => series.attributes['network.io.direction'] === name;
  t.is(total(metrics, 'io', direction('transmit')), 168);
  t.is(total(metrics, 'io', direction('receive')), 1030);
  t.is(total(metrics, 'packets', direction('transmit')), 11);
  t.is(total(metrics, 'packets', direction('receive')), 11);
  t.is(total(metrics, 'retransmits'), 3);
});

test('what a connection moved before the agent came is not counted', (t) => {
  const old = { preExisting: true } as const;
  const metrics = aggregate([
    of(1, { ...old, event: 'update', ...moved(1e12, 1e12, 1e9, 1e9, 5) }),
    of(1, { ...old, event: 'close', ...moved(1e12 + 7, 1e12 + 3, 1e9 + 1, 1e9 + 1, 5) }),
    of(2, { ...old, event: 'close', ...moved(1e12, 1e12, 1e9, 1e9) }),
  ]);
  t.is(total(metrics, 'io'), 10);
  t.is(total(metrics, 'packets'), 2);
  t.is(total(metrics, 'duration'), 0, 'nobody knows when they began');
  t.deepEqual(counts(metrics), { opened: 2, closed: 2, failed: 0, live: 0 });
});

test('durations fall into their buckets, by error', (t) => {
  const lasting = (number: number, seconds: number, change: Change = {}) => {
    const { startTime } = of(number);
    return of(number, { time: startTime + BigInt(Math.round(seconds * 1e9)), ...change });
  };
  const metrics = aggregate([
    lasting(1, 0.01),
    lasting(2, 0.0100001),
    lasting(3, 301),
    lasting(4, 1, { event: 'failed', errorType: 'connection_refused' }),
  ]);
  const [fine, refused] = metrics.instruments.duration.series as HistogramSeries[];
  t.deepEqual(fine?.counts, [1, 1, ...new Array(12).fill(0), 1]);
  t.like(fine, { count: 3, min: 0.01, max: 301 });
  t.is(fine?.sum.toFixed(7), '301.0200001');
  t.is(refused?.attributes['error.type'], 'connection_refused');
  t.like(refused, { count: 1, sum: 1 });
});

test('a handshake is recorded once a connection, the round-trip time at each update and at the end', (t) => {
  const timed = { handshakeDuration: 0.0003, smoothedRtt: 0.0004 };
  const metrics = aggregate([
    of(1, { event: 'open', ...timed, handshakeDuration: undefined }),
    of(1, { event: 'update', ...timed }),
    of(1, { event: 'update', ...timed }),
    of(1, { event: 'close', ...timed }),
    of(2, { event: 'close', ...timed }),
  ]);
  t.is(total(metrics, 'handshake'), 2);
  t.is(total(metrics, 'rtt'), 4);
});

test('connections beyond those that can be remembered are counted whole at their end', (t) => {
  const updates = [1, 2, 3].map((number) => of(number, { event: 'update', ...moved(10, 0, 0, 0) }));
  const closes = [1, 2, 3].map((number) => of(number, moved(100, 0, 0, 0)));
  const metrics = aggregate([...updates, ...updates], { maxLive: 2 });
  t.deepEqual(counts(metrics), { opened: 2, closed: 0, failed: 0, live: 2 });
  for (const record of closes) metrics.add(record);
  t.deepEqual(counts(metrics), { opened: 3, closed: 3, failed: 0, live: 0 });
  t.is(total(metrics, 'io'), 300);
});
