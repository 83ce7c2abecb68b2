import test from 'ava';
import { type Clock, createTicker } from '../../../src/top/ticker.ts';

/** Time that passes when the test says so. */
function createClock() {
  let now = 1_000;
  let waiting: { readonly at: number; readonly call: () => void } | undefined;
  const clock: Clock = {
    now: () => now,
    after(wait, call) {
      const mine = { at: now + wait, call };
      waiting = mine;
      return () => {
        if (waiting === mine) waiting = undefined;
      };
    },
  };
  /** At each of these times, in order, `act` is called. */
  const pass = (until: number, acts: ReadonlyMap<number, () => void> = new Map()) => {
    for (; now < until; ) {
      now++;
      acts.get(now)?.();
      if (waiting && waiting.at <= now) {
        const { call } = waiting;
        waiting = undefined;
        call();
      }
    }
  };
  return { clock, pass, at: () => now };
}

function observe() {
  const { clock, pass, at } = createClock();
  const ends: [number, number][] = [];
  const ticker = createTicker(1000, (seconds) => ends.push([at(), seconds]), clock);
  return { ticker, ends, pass };
}

test('where nothing is reported an interval is as long as it should be', (t) => {
  const { ticker, ends, pass } = observe();
  ticker.start();
  pass(5_000);
  t.deepEqual(
    ends.map(([at]) => at),
    [2250, 3250, 4250],
  );
  t.deepEqual(
    ends.map(([, seconds]) => seconds),
    [1.25, 1, 1],
  );
});

test('each ends behind the reports, however they come, and lasts from one to the next', (t) => {
  const { ticker, ends, pass } = observe();
  ticker.start();
  const saw = () => ticker.saw();
  // Each report takes a while, and they come later and later.
  const times = [2000, 2010, 3020, 3060, 4100, 4110, 5200];
  pass(6_000, new Map(times.map((time) => [time, saw])));
  t.deepEqual(
    ends.map(([, seconds]) => seconds),
    [1, 1.02, 1.08, 1.1],
  );
  for (const [index, [at]] of ends.entries()) {
    const begun = [2000, 3020, 4100, 5200][index] ?? 0;
    t.true(at >= begun + 100 && at <= begun + 300, `${at}`);
  }
});

test('an end that fails is not the last one; after the stop there is none', (t) => {
  const { clock, pass } = createClock();
  let count = 0;
  const ticker = createTicker(
    1000,
    () => {
      count++;
      throw new Error('once');
    },
    clock,
  );
  ticker.start();
  t.throws(() => pass(2_250), { message: 'once' });
  t.throws(() => pass(3_500), { message: 'once' });
  t.is(count, 2);
  ticker.stop();
  pass(9_000);
  t.is(count, 2);
});
