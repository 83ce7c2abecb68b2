import test from 'ava';
import type { XPublisher } from 'zeromq';
import type { Payload } from '../../../../src/export/zmq/message.ts';
import { Publisher } from '../../../../src/export/zmq/publisher.ts';
import { eventually } from '../../../support/processes.ts';

/** A socket with subscribers that do as they are told. */
class FakeSocket {
  readonly sent: { topic: string; version: number; id: number; body: string }[] = [];
  readonly #said: Buffer[] = [];
  hasRoom = true;
  isClosed = false;
  error: Error | undefined;
  attempts = 0;
  /** Called at each attempt. */
  onAttempt: () => void = () => undefined;

  get readable(): boolean {
    return this.#said.length > 0;
  }

  subscribe(topic: string): void {
    this.#said.push(Buffer.from(`\x01${topic}`));
  }

  unsubscribe(topic: string): void {
    this.#said.push(Buffer.from(`\x00${topic}`));
  }

  async receive(): Promise<Buffer[]> {
    return [this.#said.shift() as Buffer];
  }

  async send([header, body]: readonly [Buffer, Buffer]): Promise<void> {
    this.attempts++;
    this.onAttempt();
    if (this.error) throw this.error;
    if (!this.hasRoom) throw Object.assign(new Error('no room'), { code: 'EAGAIN' });
    const topic = header.toString('latin1', 0, 16).replace(/\0+$/, '');
    this.sent.push({ topic, version: header.readUInt8(16), id: header.readUInt32BE(20), body: body.toString() });
  }

  close(): void {
    this.isClosed = true;
  }
}

interface Bench {
  readonly socket: FakeSocket;
  readonly publisher: Publisher;
  readonly delivered: string[];
  readonly lost: string[];
  readonly errors: string[];
  readonly came: string[];
  push(...texts: readonly string[]): void;
  /** What was sent, without what says nothing new. */
  bodies(): string[];
}

function bench(limit = 1_000_000): Bench {
  const socket = new FakeSocket();
  const [delivered, lost, errors, came] = [[], [], [], []] as string[][] as [string[], string[], string[], string[]];
  const publisher = new Publisher({
    socket: socket as unknown as XPublisher,
    version: 3,
    source: 9,
    limit,
    onSent: ({ bytes }) => delivered.push(bytes.toString()),
    onLost: ({ bytes }, reason) => lost.push(`${reason} ${bytes}`),
    onSubscriber: (topics) => came.push(...topics),
    last: { event: () => Buffer.from('last event'), flow: Buffer.from('last flow') },
    onError: ({ message }) => errors.push(message),
  });
  const push = (...texts: readonly string[]) => {
    for (const text of texts) publisher.push({ bytes: Buffer.from(text), flows: 1, records: 1 } satisfies Payload);
  };
  const bodies = () => socket.sent.map(({ body }) => body).filter((body) => !body.startsWith('last'));
  return { socket, publisher, delivered, lost, errors, came, push, bodies };
}

const soon = () => performance.now() + 10_000;

test('nothing leaves before somebody listens, then all of it, in order, numbered from 1', async (t) => {
  const { socket, publisher, push, delivered, came } = bench();
  push('a', 'b');
  socket.subscribe('event');
  await eventually(
    'a look',
    () => came.length,
    (count) => count === 1,
  );
  t.is(socket.attempts, 0);
  socket.subscribe('flow');
  push('c');
  await eventually(
    'all',
    () => delivered.length,
    (count) => count === 3,
  );
  t.deepEqual(delivered, ['a', 'b', 'c']);
  t.deepEqual(
    socket.sent.map(({ topic, version, id, body }) => [topic, version, id, body]),
    [
      ['flow', 3, 1, 'a'],
      ['flow', 3, 2, 'b'],
      ['flow', 3, 3, 'c'],
    ],
  );
  await publisher.close(soon());
});

test('where there is no room it is tried again; what has no room to wait is lost, the oldest first', async (t) => {
  const { socket, publisher, push, delivered, lost } = bench(3 * 257);
  socket.subscribe('flow');
  socket.hasRoom = false;
  push('on its way');
  await eventually(
    'an attempt',
    () => socket.attempts,
    (count) => count > 0,
  );
  push('a', 'b', 'c', 'd', 'e');
  t.deepEqual(lost, ['queue_full a', 'queue_full b']);
  socket.hasRoom = true;
  await eventually(
    'the rest',
    () => delivered.length,
    (count) => count === 4,
  );
  t.deepEqual(delivered, ['on its way', 'c', 'd', 'e']);
  await publisher.close(soon());
  t.is(lost.length, 2);
});

test('what is on its way when they leave waits for the next one', async (t) => {
  const { socket, publisher, push, delivered, lost } = bench();
  socket.subscribe('flow');
  socket.hasRoom = false;
  push('a', 'b');
  await eventually(
    'an attempt',
    () => socket.attempts,
    (count) => count > 0,
  );
  socket.unsubscribe('flow');
  const { attempts } = socket;
  await eventually(
    'that it is known',
    () => publisher.isHeard('flow'),
    (heard) => !heard,
  );
  socket.hasRoom = true;
  t.true(socket.attempts <= attempts + 1);
  t.deepEqual(delivered, []);
  socket.subscribe('');
  push('c');
  await eventually(
    'all',
    () => delivered.length,
    (count) => count === 3,
  );
  t.deepEqual([delivered, lost], [['a', 'b', 'c'], []]);
  await publisher.close(soon());
});

test('after a connection is lost it waits for who has left, and no longer than needed', async (t) => {
  const { socket, publisher, push, delivered } = bench();
  socket.subscribe('flow');
  push('a');
  await eventually(
    'the first',
    () => delivered.length,
    (count) => count === 1,
  );
  publisher.onDisconnect();
  push('b');
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(delivered, ['a'], 'the library would have dropped it');
  socket.unsubscribe('flow');
  await eventually(
    'that it is known',
    () => publisher.isHeard('flow'),
    (heard) => !heard,
  );
  t.deepEqual(delivered, ['a']);
  socket.subscribe('flow');
  await eventually(
    'the second',
    () => delivered.length,
    (count) => count === 2,
  );
  publisher.onDisconnect(); // of somebody who had never come for anything
  push('c');
  await publisher.close(soon());
  t.deepEqual(delivered, ['a', 'b', 'c']);
});

test('what must be known now goes first, the latest of each kind, and only to who wants it', async (t) => {
  const { socket, publisher, push, bodies } = bench();
  publisher.tell('event', Buffer.from('nobody hears'));
  socket.subscribe('event');
  await eventually(
    'that it is known',
    () => publisher.isHeard('event'),
    (heard) => heard,
  );
  push('a');
  socket.subscribe('flow');
  publisher.tell('event', Buffer.from('old'));
  publisher.tell('event', Buffer.from('new'));
  publisher.tell('listening-ports', Buffer.from('ports'));
  await eventually(
    'the flow',
    () => bodies().length,
    (count) => count === 2,
  );
  t.deepEqual(bodies(), ['new', 'a']);
  t.like(socket.sent[0], { topic: 'event', version: 2, id: 1 });
  await publisher.close(soon());
});

test('at the end all that waits is sent, and more behind it, so that it has been passed on', async (t) => {
  for (const [topics, last] of [
    [['flow', 'event'], 'last event'],
    [['flow'], 'last flow'],
  ] as const) {
    const { socket, publisher, push, lost } = bench();
    for (const topic of topics) socket.subscribe(topic);
    push('a', 'b');
    await publisher.close(soon());
    t.deepEqual(
      socket.sent.map(({ body }) => body),
      ['a', 'b', last, last, last],
    );
    t.deepEqual(
      socket.sent.map(({ id }) => id),
      [1, 2, 3, 4, 5],
    );
    t.true(socket.isClosed);
    t.deepEqual(lost, []);
  }
});

test('at the end, what nobody has come for, and what comes later, is lost', async (t) => {
  const { socket, publisher, push, lost } = bench();
  push('a', 'b');
  await publisher.close(soon());
  await publisher.close(soon());
  push('c');
  t.deepEqual(lost, ['shutdown a', 'shutdown b', 'shutdown c']);
  t.deepEqual([socket.sent, socket.isClosed], [[], true]);
});

test('at the end, one that takes nothing is waited for until the deadline', async (t) => {
  const { socket, publisher, push, lost } = bench();
  socket.subscribe('flow');
  socket.hasRoom = false;
  push('a', 'b');
  const deadline = performance.now() + 300;
  await publisher.close(deadline);
  t.true(performance.now() >= deadline);
  t.deepEqual(lost, ['shutdown a', 'shutdown b']);
  t.true(socket.isClosed);
});

test('an error is told, and it goes on when that is over', async (t) => {
  const { socket, publisher, push, delivered, errors } = bench();
  socket.subscribe('flow');
  socket.error = new Error('broken');
  push('a');
  await eventually(
    'the error',
    () => errors.length,
    (count) => count > 0,
  );
  t.is(errors[0], 'broken');
  socket.error = undefined;
  await eventually(
    'the flow',
    () => delivered.length,
    (count) => count === 1,
  );
  await publisher.close(soon());
  t.deepEqual(delivered, ['a']);
});
