import test from 'ava';
import { createSubscriptions } from '../../../../src/export/zmq/subscriptions.ts';

const come = (topic: string) => Buffer.from(`\x01${topic}`);
const leave = (topic: string) => Buffer.from(`\x00${topic}`);

test('a topic is heard as long as one of those who came for it is there', (t) => {
  const subscriptions = createSubscriptions();
  t.false(subscriptions.has('flow'));
  t.deepEqual(subscriptions.learn(come('flow')), ['flow']);
  subscriptions.learn(come('flow'));
  subscriptions.learn(leave('flow'));
  t.true(subscriptions.has('flow'));
  t.deepEqual(subscriptions.learn(leave('flow')), []);
  t.false(subscriptions.has('flow'));
});

test('a subscription is a beginning: empty means all, and NUL is part of a topic', (t) => {
  const subscriptions = createSubscriptions();
  t.deepEqual(subscriptions.learn(come('')), ['flow', 'event', 'listening-ports']);
  t.deepEqual(createSubscriptions().learn(come('fl')), ['flow']);
  t.deepEqual(createSubscriptions().learn(come('flow\0\0')), ['flow']);
  t.deepEqual(createSubscriptions().learn(come('flows')), []);
  t.deepEqual(createSubscriptions().learn(come('ebpf')), []);
});

test('one that leaves without having come, and what is no subscription, change nothing', (t) => {
  const subscriptions = createSubscriptions();
  subscriptions.learn(leave('flow'));
  subscriptions.learn(Buffer.from('flow'));
  subscriptions.learn(Buffer.alloc(0));
  t.false(subscriptions.has('flow'));
  subscriptions.learn(come('flow'));
  t.true(subscriptions.has('flow'));
});
