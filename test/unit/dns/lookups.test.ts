import test from 'ava';
import type { DnsPacket } from '../../../src/capture/dns.ts';
import { createLookups, PATIENCE_NS } from '../../../src/dns/lookups.ts';
import { type Message, parseMessage } from '../../../src/dns/message.ts';
import type { LookupRecord } from '../../../src/model.ts';
import { type MessageParts, message } from '../../support/dns-message.ts';
import { dnsPacket } from '../../support/dns-packet.ts';
import { makeProcess } from '../../support/otlp-records.ts';

function start() {
  const ended: LookupRecord[] = [];
  const counts = { stray: 0, forgotten: 0 };
  const lookups = createLookups({
    findProcess: (pid, serial) => (serial === 0 ? undefined : makeProcess(pid, { pid })),
    onEnd: (lookup) => ended.push(lookup),
    onStray: () => counts.stray++,
    onForgotten: () => counts.forgotten++,
  });
  const read = (parts: MessageParts) => parseMessage(message(parts)) as Message;
  const ask = (parts: MessageParts, packet: Partial<DnsPacket> = {}) =>
    lookups.ask(dnsPacket({ pid: 7, serial: 3, ...packet }), read({ isAnswer: false, ...parts }));
  const answer = (parts: MessageParts, packet: Partial<DnsPacket> = {}) =>
    lookups.answer(dnsPacket({ isAnswer: true, time: 1_500n, ...packet }), read(parts));
  const seen = () =>
    ended.map(({ questionName, questionType, errorType }) => `${questionName} ${questionType} ${errorType ?? '-'}`);
  return { lookups, ended, counts, ask, answer, seen };
}

test('an answer ends its question: who asked whom for what, and when', (t) => {
  const { ask, answer, ended, counts } = start();
  ask({ question: 'Web.Example' }, { time: 1_000n, serverAddress: '2001:db8::53', transport: 'tcp' });
  t.is(answer({ question: 'web.example' }), ended[0]);
  t.like(ended[0], {
    event: 'dns',
    startTime: 1_000n,
    time: 1_500n,
    transport: 'tcp',
    networkType: 'ipv6',
    peerAddress: '2001:db8::53',
    peerPort: 53,
    networkNamespace: 1,
    questionName: 'web.example',
    questionType: 'A',
    errorType: undefined,
  });
  t.is(ended[0]?.process?.pid, 7);
  t.deepEqual(counts, { stray: 0, forgotten: 0 });
});

test('only the same socket, id, type and name are the same question', (t) => {
  const { ask, answer, counts, seen } = start();
  ask({ id: 1, question: 'web.example' });
  ask({ id: 1, question: 'web.example', type: 28 });
  answer({ id: 2, question: 'web.example' });
  answer({ id: 1, question: 'other.example' });
  answer({ id: 1, question: 'web.example', type: 16 });
  answer({ id: 1, question: 'web.example' }, { cookie: 2n });
  t.deepEqual(seen(), []);
  t.is(counts.stray, 4);
  answer({ id: 1, question: 'web.example', type: 28 });
  answer({ id: 1, question: 'web.example' });
  t.deepEqual(seen(), ['web.example AAAA -', 'web.example A -']);
});

test('an answer that comes twice ends it once', (t) => {
  const { ask, answer, counts, seen } = start();
  ask({ question: 'web.example' });
  answer({ question: 'web.example' });
  t.is(answer({ question: 'web.example' }), undefined);
  t.is(counts.stray, 1);
  t.is(seen().length, 1);
});

test('a question that is asked again is still the first one', (t) => {
  const { ask, answer, ended } = start();
  ask({ question: 'web.example' }, { time: 1_000n });
  ask({ question: 'web.example' }, { time: 1_200n });
  answer({ question: 'web.example' });
  t.is(ended[0]?.startTime, 1_000n);
});

test('failures by their names; a code without one is _OTHER', (t) => {
  const { ask, answer, ended } = start();
  for (let code = 0; code < 16; code++) {
    ask({ id: code, question: 'web.example' });
    answer({ id: code, code, question: 'web.example' });
  }
  const wanted = [undefined, 'formerr', 'servfail', 'nxdomain', 'notimp', 'refused', ...Array(10).fill('_OTHER')];
  t.deepEqual(
    ended.map(({ errorType }) => errorType),
    wanted,
  );
});

test('a type without a name is one by its number', (t) => {
  const { ask, answer, seen } = start();
  ask({ question: 'web.example', type: 99 });
  answer({ question: 'web.example', type: 99 });
  t.deepEqual(seen(), ['web.example TYPE99 -']);
});

test('what is not answered in time is a timeout at that time, the later ones wait on', (t) => {
  const { lookups, ask, answer, ended, counts, seen } = start();
  ask({ id: 1, question: 'first.example' }, { time: 1_000n });
  ask({ id: 2, question: 'second.example' }, { time: 2_000n });
  lookups.expire(999n + PATIENCE_NS);
  t.deepEqual(seen(), []);
  lookups.expire(1_000n + PATIENCE_NS);
  t.deepEqual(seen(), ['first.example A timeout']);
  t.is(ended[0]?.time, 1_000n + PATIENCE_NS);
  answer({ id: 1, question: 'first.example' });
  t.is(counts.stray, 1);
  lookups.expire(2_000n + PATIENCE_NS);
  t.deepEqual(seen(), ['first.example A timeout', 'second.example A timeout']);
});

test('of more questions than there is room for, the oldest one is given up and counted', (t) => {
  const { ask, answer, counts } = start();
  for (let index = 0; index <= 16_384; index++) ask({ question: 'web.example' }, { cookie: BigInt(index) });
  t.deepEqual(counts, { stray: 0, forgotten: 1 });
  t.is(answer({ question: 'web.example' }, { cookie: 0n }), undefined);
  t.truthy(answer({ question: 'web.example' }, { cookie: 1n }));
  t.truthy(answer({ question: 'web.example' }, { cookie: 16_384n }));
});
