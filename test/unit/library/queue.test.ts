import test from 'ava';
import { Queue } from '../../../src/library/queue.ts';

async function takeAll(queue: Queue<number>): Promise<number[]> {
  const all: number[] = [];
  for (let result = await queue.take(); !result.done; result = await queue.take()) all.push(result.value);
  return all;
}

test('items come in order, to who asked first as well, and then the end', async (t) => {
  const queue = new Queue<number>(10);
  const early = [queue.take(), queue.take()];
  t.is(queue.push([1, 2, 3, 4]), 0);
  t.deepEqual(await Promise.all(early), [
    { done: false, value: 1 },
    { done: false, value: 2 },
  ]);
  t.is(queue.length, 2);
  queue.end();
  t.deepEqual(await takeAll(queue), [3, 4]);
  t.deepEqual(await queue.take(), { done: true, value: undefined });
});

test('what finds no room is the newest, and is told', async (t) => {
  const queue = new Queue<number>(3);
  const waiting = queue.take();
  t.is(queue.push([1, 2, 3, 4, 5, 6]), 2, 'one was taken, three wait');
  t.is(queue.push([7]), 1);
  t.is((await waiting).value, 1);
  await queue.take();
  t.is(queue.push([8, 9]), 1);
  queue.end();
  t.is(queue.push([10]), 1, 'after the end');
  t.deepEqual(await takeAll(queue), [3, 4, 8]);
});

test('who waits at the end is told', async (t) => {
  const queue = new Queue<number>(3);
  const waiting = [queue.take(), queue.take()];
  queue.end();
  queue.end();
  t.true((await Promise.all(waiting)).every(({ done }) => done));
});

test('a long life in little memory: order and length hold over many times the limit', async (t) => {
  const queue = new Queue<number>(7_000);
  let pushed = 0;
  let taken = 0;
  for (let round = 0; round < 40; round++) {
    const items = Array.from({ length: 6_000 }, () => pushed++);
    t.is(queue.push(items), 0);
    for (let count = 0; count < 6_000 - (round === 0 ? 900 : 0); count++) {
      const { value } = await queue.take();
      if (value !== taken++) return t.fail(`${value} instead of ${taken - 1}`);
    }
    t.is(queue.length, 900);
  }
});
