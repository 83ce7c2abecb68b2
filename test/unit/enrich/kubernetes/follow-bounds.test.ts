/** Servers that never come to an end. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { answering } from '../../../../bench/fuzz/lib/answer.ts';
import { follow } from '../../../../src/enrich/kubernetes/follow.ts';
import { type Api, createApi } from '../../../../src/enrich/kubernetes/http.ts';
import { event } from '../../../support/kube-follow.ts';
import { list, pod } from '../../../support/kube-server.ts';

/** Answers by a function instead of a server; ends after so many questions. */
function followFake(most: number, answer: Partial<Api>, first = 0) {
  const end = new AbortController();
  const asked: number[] = [];
  const kept: string[] = [];
  const faults: string[] = [];
  const count = () => {
    asked.push(performance.now());
    if (asked.length >= most) end.abort();
  };
  const api: Api = {
    get(...given) {
      count();
      return answer.get?.(...given) ?? Promise.resolve(list('1', []));
    },
    stream(...given) {
      count();
      return answer.stream?.(...given) ?? Promise.resolve();
    },
    close: () => undefined,
  };
  const collection = {
    path: '/',
    query: {},
    parse: () => 'pod',
    replace: (items: readonly string[]) => kept.push(...items),
    put: (item: string) => kept.push(item),
    remove: () => undefined,
  };
  const options = {
    signal: end.signal,
    pause: { first, most: first },
    onFault(fault: string, message: string) {
      faults.push(`${fault}: ${message}`);
      end.abort();
    },
  };
  return { over: follow(api, collection, options), asked, kept, faults };
}

test('a list that never ends is not read for ever, and nothing of it is kept', async (t) => {
  const { over, asked, kept, faults } = followFake(1e9, { get: async () => list('1', [pod('a')], 'more') });
  await over;
  t.deepEqual(faults, ['malformed: a list of more than 2000 pages']);
  t.is(asked.length, 2_000);
  t.deepEqual(kept, []);
});

test('a watch that ends after each event is asked for with pauses', async (t) => {
  const { over, asked } = followFake(
    4,
    { stream: async (_, __, { onValue }) => onValue(event('ADDED', 'a', '2')) },
    100,
  );
  // No timer of a pause holds the process.
  const hold = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(hold));
  await over;
  const gaps = asked.slice(2).map((time, index) => time - (asked[index + 1] as number));
  t.is(gaps.length, 2);
  for (const gap of gaps) t.true(gap >= 45, `${gaps}`);
});

test('a watch that the server ended leaves nothing behind that ends it later', async (t) => {
  const signals: AbortSignal[] = [];
  const answer = answering(() => Buffer.from('\0'));
  const api = createApi(
    { server: 'http://x', credentials: () => ({}) },
    {
      deadline: 1_000,
      open(options, deadline) {
        if (options.signal) signals.push(options.signal);
        return answer(options, deadline);
      },
    },
  );
  const longest = 10;
  await api.stream('/', {}, { longest, signal: new AbortController().signal, onValue: () => t.fail() });
  await sleep(5 * longest);
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false],
  );
});
