import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { createDeadline } from '../../../src/enrich/deadline.ts';

const never = () => new AbortController().signal;

test('when the time is over it aborts, with what AbortSignal.timeout() would say', async (t) => {
  const { signal } = createDeadline(5, never());
  await sleep(50);
  t.true(signal.aborted);
  t.is(signal.reason.name, 'TimeoutError');
});

test('what is done in time is never ended', async (t) => {
  const deadline = createDeadline(5, never());
  deadline.clear();
  await sleep(50);
  t.deepEqual([deadline.isOver, deadline.signal.aborted], [false, false]);
});

test('it aborts as the signal that was given, and is not over for that', (t) => {
  const given = new AbortController();
  const deadline = createDeadline(1_000, given.signal);
  given.abort(new Error('closed'));
  deadline.clear();
  t.is(deadline.signal.reason.message, 'closed');
  t.false(deadline.isOver);
});
