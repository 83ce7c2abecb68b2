import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  type ConnectionEventRecord,
  replay,
  StartError,
  type WatchedRecord,
  type Watcher,
} from '../../../src/index.ts';
import { Ledger } from '../../../src/ledger.ts';
import { recordSource } from '../../../src/recording/recorder.ts';
import { batch, connectionBytes } from '../../support/batch.ts';
import { collect } from '../../support/collect.ts';
import { fakeSource } from '../../support/fake-source.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const PER_BATCH = 50;

/** Ends of connections to port 1, 2 … of another host, refused. */
async function record(t: ExecutionContext, batches: number): Promise<string> {
  const file = join(temporaryDirectory(t), 'recording');
  const source = fakeSource();
  const log = { warn: (text: string) => t.fail(text) };
  const recorded = recordSource(source, { file, anonymize: false, commandArgs: false, ledger: new Ledger(), log });
  collect(recorded);
  for (let number = 0; number < batches; number++) {
    const ends = Array.from({ length: PER_BATCH }, (_, index) => number * PER_BATCH + index + 1);
    source.give(
      batch(
        ...ends.map((port) =>
          connectionBytes({ peerAddress: [203, 0, 113, 9], peerPort: port, cookie: port, error: 111 }),
        ),
      ),
    );
  }
  await recorded.stop();
  return file;
}

const portOf = (record: WatchedRecord) => (record as ConnectionEventRecord).peerPort;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('all of a recording, in order, then the end', async (t) => {
  const watcher = await replay(await record(t, 4));
  const ports: number[] = [];
  for await (const record of watcher) {
    t.like(record, { event: 'failed', closeReason: 'refused', errorType: 'connection_refused' });
    ports.push(portOf(record));
  }
  t.deepEqual(ports, numbers(4 * PER_BATCH));
  t.like(watcher.statistics(), { delivered: 4 * PER_BATCH, waiting: 0, lost: [] });
  t.like(watcher.statistics().connections, { opened: 3, closed: 2, live: 1 });
  t.regex(watcher.description, /^replaying .*on secret-host/);
  t.deepEqual(await watcher.next(), { done: true, value: undefined });
});

test('the recording waits for who is slow: little is in memory, nothing is lost', async (t) => {
  const watcher = await replay(await record(t, 40), { queueLimit: 60 });
  const ports: number[] = [];
  let most = 0;
  for await (const record of watcher) {
    if (ports.length % 100 === 0) await sleep(15);
    most = Math.max(most, watcher.statistics().waiting);
    ports.push(portOf(record));
  }
  t.deepEqual(ports, numbers(40 * PER_BATCH));
  t.true(most <= 30 + 2 * PER_BATCH, `${most} waited`);
});

test('several may ask at once', async (t) => {
  const watcher = await replay(await record(t, 1));
  const results = await Promise.all(numbers(PER_BATCH).map(() => watcher.next()));
  t.deepEqual(
    results.map(({ value }) => value && portOf(value)),
    numbers(PER_BATCH),
  );
  await watcher.close();
});

test('leaving the loop closes it', async (t) => {
  const watcher = await replay(await record(t, 40), { queueLimit: 10 });
  for await (const record of watcher) if (portOf(record) === 3) break;
  t.deepEqual(await watcher.next(), { done: true, value: undefined });
  t.like(watcher.statistics(), { delivered: 3, waiting: 0 });
});

test('await using closes it, close may be said twice, and what waits can still be taken', async (t) => {
  let kept: Watcher;
  {
    await using watcher = await replay(await record(t, 40), { queueLimit: 10 });
    kept = watcher;
  }
  t.true((await kept.next()).done);
  const other = await replay(await record(t, 1));
  await other.next();
  await other.close();
  await other.close();
  const rest: number[] = [];
  for await (const record of other) rest.push(portOf(record));
  t.deepEqual(rest, numbers(PER_BATCH).slice(1));
});

test('a signal closes it, one that was given before as well', async (t) => {
  const file = await record(t, 40);
  const controller = new AbortController();
  const watcher = await replay(file, { queueLimit: 10, signal: controller.signal });
  await watcher.next();
  controller.abort();
  let count = 1;
  for await (const _ of watcher) count++;
  t.true(count < 40 * PER_BATCH, `${count} records`);
  await t.throwsAsync(replay(file, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('events and transports choose', async (t) => {
  const file = await record(t, 1);
  const count = async (options: Parameters<typeof replay>[1]) => {
    let records = 0;
    for await (const _ of await replay(file, options)) records++;
    return records;
  };
  t.is(await count({ events: ['close'] }), 0);
  t.is(await count({ transports: ['udp'] }), 0);
  t.is(await count({ transports: ['tcp'], events: ['failed'] }), PER_BATCH);
});

test('a StartError says what to do', async (t) => {
  const error = await t.throwsAsync(replay('/nonexistent/file'), { instanceOf: StartError });
  t.is(error?.remedy, 'name a file made with --record');
});
