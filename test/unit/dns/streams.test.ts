import test from 'ava';
import type { DnsPacket } from '../../../src/capture/dns.ts';
import { createStreams } from '../../../src/dns/streams.ts';

function piece(position: number, bytes: Uint8Array, cookie = 1n): DnsPacket {
  return {
    isAnswer: true,
    transport: 'tcp',
    time: 1n,
    cookie,
    networkNamespace: 1,
    pid: 0,
    serial: 0,
    serverAddress: '10.0.0.53',
    serverPort: 53,
    position,
    isCut: false,
    bytes,
  };
}

const framed = (text: string) => Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), Buffer.from(text)]);

function texts(messages: readonly DnsPacket[]): string[] {
  return messages.map(({ bytes }) => Buffer.from(bytes).toString());
}

test('several messages in one piece, one message in many, and what is sent again', (t) => {
  const { add } = createStreams(() => t.fail());
  const whole = Buffer.concat([framed('one'), framed('two'), framed('three')]);
  t.deepEqual(texts(add(piece(0, whole.subarray(0, 11)))), ['one', 'two']);
  t.deepEqual(texts(add(piece(11, whole.subarray(11, 13)))), []);
  t.deepEqual(texts(add(piece(5, whole.subarray(5, 13)))), []);
  t.deepEqual(texts(add(piece(12, whole.subarray(12)))), ['three']);
});

test('pieces that come ahead of their turn wait for it', (t) => {
  const { add } = createStreams(() => t.fail());
  const whole = framed('abcdefgh');
  t.deepEqual(texts(add(piece(6, whole.subarray(6)))), []);
  t.deepEqual(texts(add(piece(3, whole.subarray(3, 6)))), []);
  t.deepEqual(texts(add(piece(0, whole.subarray(0, 3)))), ['abcdefgh']);
});

test('sockets do not mix', (t) => {
  const { add } = createStreams(() => t.fail());
  const whole = framed('abc');
  add(piece(0, whole.subarray(0, 3), 1n));
  t.deepEqual(texts(add(piece(3, whole.subarray(3), 2n))), []);
  t.deepEqual(texts(add(piece(3, whole.subarray(3), 1n))), ['abc']);
});

test('a hole that nothing fills ends the stream, once', (t) => {
  let lost = 0;
  const { add } = createStreams(() => lost++);
  for (let index = 0; index < 40; index++) t.deepEqual(add(piece(10 + 2 * index, Buffer.from('x'))), []);
  t.is(lost, 1);
  t.deepEqual(add(piece(0, framed('late'))), []);
});
