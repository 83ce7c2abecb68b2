/** Names of containers from runtimes that do as they are told: what comes of each way to answer, or not to. */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { type AskerOptions, createAsker } from '../../../../src/enrich/runtime/asker.ts';
import { createLookup } from '../../../../src/enrich/runtime/lookup.ts';
import type { Found, Runtime, RuntimeEvents } from '../../../../src/enrich/runtime/runtime.ts';
import { Ledger } from '../../../../src/ledger.ts';
import type { Container } from '../../../../src/model.ts';
import { inTime, settled } from '../../../support/processes.ts';

/** Deadlines alone keep no process alive. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

const web: Found = { container: { runtime: 'docker', name: 'web' } };

/** A runtime whose answers and events the test gives. */
class Scripted implements Runtime {
  readonly name: string;
  socket = '/';
  readonly asked: string[] = [];
  answer: (id: string) => Promise<Found | undefined>;
  #events: RuntimeEvents | undefined;
  #end = Promise.withResolvers<void>();

  constructor(answer: (id: string) => Promise<Found | undefined>, name = 'docker') {
    this.answer = answer;
    this.name = name;
  }

  mayKnow(runtime: string | undefined): boolean {
    return runtime === undefined || runtime === this.name;
  }

  find(id: string): Promise<Found | undefined> {
    this.asked.push(id);
    return this.answer(id);
  }

  watch(events: RuntimeEvents): Promise<void> {
    this.#events = events;
    return this.#end.promise;
  }

  get events(): RuntimeEvents {
    if (!this.#events) throw new Error('nobody watches');
    return this.#events;
  }
}

function setUp(runtimes: readonly Runtime[], options: AskerOptions = {}) {
  const ledger = new Ledger();
  const settled: string[] = [];
  const errors: string[] = [];
  const waiting = new Map<string, () => void>();
  const lookup = createLookup({
    askers: runtimes.map((runtime) => createAsker(runtime, { onError: (message) => errors.push(message), ...options })),
    ledger,
    onSettled({ id }) {
      settled.push(id);
      waiting.get(id)?.();
    },
    secondTry: 1,
  });
  const settling = (id: string) => new Promise<void>((resolve) => waiting.set(id, resolve));
  return { lookup, ledger, settled, errors, settling };
}

const make = (id: string, runtime: string | undefined = 'docker'): Container => ({ id, runtime });
const never = () => new Promise<never>(() => {});
const results = ({ lookups }: Ledger) => Object.fromEntries(lookups);

test('a container is asked for once, and awaited until the answer is there', async (t) => {
  const docker = new Scripted(async () => web);
  const { lookup, ledger, settled, settling } = setUp([docker]);
  const container = make('a');
  lookup.learn(container, undefined);
  t.true(lookup.isAwaited(container));
  await settling('a');
  t.false(lookup.isAwaited(container));
  t.deepEqual(container.details, web.container);
  t.deepEqual(docker.asked, ['a']);
  t.deepEqual(settled, ['a']);
  t.deepEqual(results(ledger), { found: 1 });
  lookup.close();
});

test('one that its runtime told of beforehand is not asked for, even if it has ended since', (t) => {
  const docker = new Scripted(never);
  const { lookup, ledger } = setUp([docker]);
  docker.events.onFound('a', web);
  const container = make('a');
  lookup.learn(container, undefined);
  t.false(lookup.isAwaited(container));
  t.is(container.details?.name, 'web');
  t.deepEqual(docker.asked, []);
  t.deepEqual(results(ledger), { hit: 1 });
  lookup.close();
});

test('an event that comes before the answer ends the wait', async (t) => {
  const docker = new Scripted(never);
  const { lookup, settled } = setUp([docker]);
  const container = make('a');
  lookup.learn(container, undefined);
  await turn();
  docker.events.onFound('a', web);
  t.deepEqual(settled, ['a']);
  t.is(container.details?.name, 'web');
  lookup.close();
});

test('another name replaces the first one', async (t) => {
  const docker = new Scripted(async () => web);
  const { lookup, settling } = setUp([docker]);
  const container = make('a');
  lookup.learn(container, undefined);
  await settling('a');
  docker.events.onFound('a', { container: { runtime: 'docker', name: 'shop' } });
  t.is(container.details?.name, 'shop');
  lookup.close();
});

test('what nobody has is asked for twice, then it goes without', async (t) => {
  const docker = new Scripted(async () => undefined);
  const { lookup, ledger, settling } = setUp([docker]);
  const container = make('a');
  lookup.learn(container, undefined);
  await settling('a');
  t.is(container.details, undefined);
  t.deepEqual(docker.asked, ['a', 'a']);
  t.deepEqual(results(ledger), { miss: 1 });
  lookup.close();
});

test('a runtime that fails is counted, and asked again when it is well', async (t) => {
  const docker = new Scripted(() => Promise.reject(new Error('garbage')));
  const { lookup, ledger, errors, settling } = setUp([docker], { shortestPause: 1e6, longestPause: 1e6 });
  const container = make('a');
  lookup.learn(container, undefined);
  await settling('a');
  t.deepEqual(errors, ['garbage']);
  t.deepEqual(results(ledger), { error: 1 });
  // In its pause it is left alone, and nobody waits for it.
  const other = make('b');
  lookup.learn(other, undefined);
  await settling('b');
  t.deepEqual(docker.asked, ['a']);
  docker.answer = async () => web;
  docker.events.onConnected();
  await turn();
  await turn();
  t.is(container.details?.name, 'web');
  t.is(other.details?.name, 'web');
  lookup.close();
});

test('after a pause, which grows, it is asked again by itself', async (t) => {
  let attempts = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const docker = new Scripted(async () => {
    attempts++;
    if (attempts < 4) throw new Error('not yet');
    setImmediate(resolve);
    return web;
  });
  const { lookup } = setUp([docker], { shortestPause: 1, longestPause: 4 });
  const container = make('a');
  lookup.learn(container, undefined);
  await promise;
  await turn();
  t.is(container.details?.name, 'web');
  t.is(attempts, 4);
  lookup.close();
});

test('one that does not answer has a deadline, and blocks nobody but its own', async (t) => {
  const docker = new Scripted(never);
  const podman = new Scripted(async () => ({ container: { runtime: 'podman', name: 'quick' } }), 'podman');
  const { lookup, errors, settling } = setUp([docker, podman], { deadline: 20 });
  const slow = make('a');
  const quick = make('b', 'podman');
  const settledSlow = settling('a');
  const settledQuick = settling('b');
  lookup.learn(slow, undefined);
  lookup.learn(quick, undefined);
  await settledQuick;
  t.true(lookup.isAwaited(slow));
  await settledSlow;
  t.deepEqual(errors, ['no answer within 0.02 s']);
  t.is(slow.details, undefined);
  lookup.close();
});

test('where the cgroup does not tell, all are asked, and the first that has it counts', async (t) => {
  const docker = new Scripted(never);
  const podman = new Scripted(async () => ({ container: { runtime: 'podman', name: 'it' } }), 'podman');
  const { lookup, settling } = setUp([docker, podman]);
  const container: Container = { id: 'a', runtime: undefined };
  lookup.learn(container, undefined);
  await settling('a');
  t.is(container.details?.runtime, 'podman');
  lookup.close();
});

test('a socket that is not there is no error, and nobody waits for it', async (t) => {
  const docker = new Scripted(never);
  docker.socket = '/nonexistent/docker.sock';
  const { lookup, ledger, errors, settling } = setUp([docker]);
  lookup.learn(make('a'), undefined);
  await settling('a');
  t.deepEqual(docker.asked, []);
  t.deepEqual(errors, []);
  t.deepEqual(results(ledger), { miss: 1 });
  lookup.close();
});

test('nobody may know: nobody is asked', (t) => {
  const { lookup, ledger } = setUp([new Scripted(never)]);
  const container = make('a', 'lxc');
  lookup.learn(container, undefined);
  t.false(lookup.isAwaited(container));
  t.deepEqual(results(ledger), {});
  lookup.close();
});

test('at most so many questions at a time; the others wait for their turn, and all are answered', async (t) => {
  let now = 0;
  let most = 0;
  const docker = new Scripted(async () => {
    now++;
    most = Math.max(most, now);
    await turn();
    now--;
    return web;
  });
  const { lookup, ledger, settled, settling } = setUp([docker], { most: 3 });
  const last = settling('99');
  for (let number = 0; number < 100; number++) lookup.learn(make(`${number}`), undefined);
  await last;
  t.is(most, 3);
  t.is(settled.length, 100);
  t.deepEqual(results(ledger), { found: 100 });
  lookup.close();
});

test('questions that fail together are one failure: the pause grows once', async (t) => {
  const fails = Promise.withResolvers<never>();
  const docker = new Scripted(() => fails.promise);
  const errors: string[] = [];
  // Doubled for each of them the pause would be the longest one, twelve days.
  const options = { most: 64, shortestPause: 1, longestPause: 2 ** 30 };
  const asker = createAsker(docker, { ...options, onError: (message) => errors.push(message) });
  const well = Promise.withResolvers<void>();
  asker.watch({ onFound: () => undefined }, well.resolve);
  const answers = Array.from({ length: 64 }, (_, number) => asker.ask(`${number}`));
  await turn();
  t.is(docker.asked.length, 64);
  fails.reject(new Error('garbage'));
  t.deepEqual(new Set(await Promise.all(answers)), new Set(['failed']));
  t.is(errors.length, 64);
  await inTime(well.promise, () => 'a pause without end');
  docker.answer = async () => web;
  t.is(await asker.ask('a'), web);
  asker.close();
});

test('more questions than may wait are put off, not lost', async (t) => {
  const docker = new Scripted(async () => web);
  const { lookup } = setUp([docker], { most: 1, mostWaiting: 1, shortestPause: 1 });
  const containers = Array.from({ length: 10 }, (_, number) => make(`${number}`));
  for (const container of containers) lookup.learn(container, undefined);
  const names = () => containers.map(({ details }) => details?.name);
  const isNamed = (found: readonly unknown[]) => found.every((name) => name === 'web');
  t.deepEqual(await settled(names, isNamed), Array(10).fill('web'));
  lookup.close();
});

test('a pod is completed with its container', async (t) => {
  const pod = { uid: 'u' };
  const found: Found = { container: { runtime: 'containerd' }, pod: { uid: 'u', name: 'web-0', namespace: 'shop' } };
  const cri = new Scripted(async () => found, 'containerd');
  const { lookup, settling } = setUp([cri]);
  lookup.learn(make('a', 'containerd'), pod);
  await settling('a');
  t.like(pod, { details: { name: 'web-0', namespace: 'shop' } });
  lookup.close();
});
