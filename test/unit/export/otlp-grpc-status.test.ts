import { status } from '@grpc/grpc-js';
import test from 'ava';
import protobuf from 'protobufjs';
import type { CallFailure } from '../../../src/export/otlp/grpc-call.ts';
import { classify } from '../../../src/export/otlp/grpc-status.ts';

const { root } = protobuf.parse(
  `syntax = "proto3";
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }`,
  { keepCase: true },
);
const encode = (type: string, message: object) => root.lookupType(type).encode(message).finish();

function failure(details: object[], code = status.UNAVAILABLE) {
  return said(code, 'busy', Buffer.from(encode('Status', { code, message: 'busy', details })));
}

const said = (code: status, words = '', details?: Uint8Array): CallFailure => ({ code, words, by: 'server', details });

const retryInfo = (seconds: number, nanos = 0) => ({
  type_url: 'type.googleapis.com/google.rpc.RetryInfo',
  value: encode('RetryInfo', { retry_delay: { seconds, nanos } }),
});
const other = { type_url: 'type.googleapis.com/google.rpc.DebugInfo', value: Buffer.from([0x12, 3, 1, 2, 3]) };

test('a delay that the server asks for is read, whatever else it says', (t) => {
  t.is(classify(failure([other, retryInfo(2, 500_000_000)])).retryAfterMs, 2500);
  t.is(classify(failure([retryInfo(0)])).retryAfterMs, 0);
  t.is(classify(failure([other])).retryAfterMs, undefined);
  t.is(classify(failure([retryInfo(-1)])).retryAfterMs, undefined);
});

test('bytes that are no status say nothing and break nothing', (t) => {
  for (let length = 0; length < 64; length++)
    for (const fill of [0, 0x0a, 0x1a, 0x80, 0xff]) {
      const details = Buffer.alloc(length, fill);
      t.is(classify(said(status.UNAVAILABLE, 'busy', details)).retryAfterMs, undefined);
    }
  const whole = Buffer.from(encode('Status', { code: 14, details: [retryInfo(3)] }));
  for (let length = 0; length < whole.length; length++)
    t.notThrows(() => classify(said(status.UNAVAILABLE, '', whole.subarray(0, length))));
});

for (const words of [
  'grpc: received message larger than max (5000000 vs. 4194304)',
  'grpc: received message after decompression larger than max (5000000 vs. 4194304)',
  'Received message larger than max (5000000 vs 4194304)',
])
  test(`"${words}" asks for smaller requests`, (t) => {
    t.is(classify(said(status.RESOURCE_EXHAUSTED, words)).status, 'split');
  });

test('RESOURCE_EXHAUSTED without a delay is tried again: servers that are only busy say so, too', (t) => {
  t.is(classify(said(status.RESOURCE_EXHAUSTED, 'too many requests')).status, 'retry');
});

test('INTERNAL is the end of a batch when the server says so, and none when the connection broke', (t) => {
  t.is(classify(said(status.INTERNAL, 'no space')).status, 'drop');
  t.is(classify({ code: status.INTERNAL, words: 'the stream was reset (2)', by: 'nobody' }).status, 'retry');
});

for (const [httpStatus, outcome, reason] of [
  [200, 'drop', 'not_grpc'],
  [404, 'drop', 'not_grpc'],
  [401, 'drop', 'unauthenticated'],
  [403, 'drop', 'permission_denied'],
  [413, 'split', 'resource_exhausted'],
  [429, 'retry', 'unavailable'],
  [502, 'retry', 'unavailable'],
  [503, 'retry', 'unavailable'],
  [504, 'retry', 'unavailable'],
] as const)
  test(`HTTP ${httpStatus} without a status of gRPC: ${outcome}`, (t) => {
    const failure: CallFailure = { code: status.UNKNOWN, words: `HTTP ${httpStatus}`, by: 'stranger', httpStatus };
    t.like(classify(failure), { status: outcome, reason });
  });
