import { Metadata, status } from '@grpc/grpc-js';
import test from 'ava';
import protobuf from 'protobufjs';
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
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(encode('Status', { code, message: 'busy', details })));
  return { code, details: 'busy', metadata };
}

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
      const metadata = new Metadata();
      metadata.set('grpc-status-details-bin', Buffer.alloc(length, fill));
      t.is(classify({ code: status.UNAVAILABLE, details: 'busy', metadata }).retryAfterMs, undefined);
    }
  const whole = Buffer.from(encode('Status', { code: 14, details: [retryInfo(3)] }));
  for (let length = 0; length < whole.length; length++) {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', whole.subarray(0, length));
    t.notThrows(() => classify({ code: status.UNAVAILABLE, metadata }));
  }
});

for (const words of [
  'grpc: received message larger than max (5000000 vs. 4194304)',
  'grpc: received message after decompression larger than max (5000000 vs. 4194304)',
  'Received message larger than max (5000000 vs 4194304)',
])
  test(`"${words}" asks for smaller requests`, (t) => {
    t.is(classify({ code: status.RESOURCE_EXHAUSTED, details: words }).status, 'split');
  });

test('RESOURCE_EXHAUSTED without a delay is tried again: servers that are only busy say so, too', (t) => {
  t.is(classify({ code: status.RESOURCE_EXHAUSTED, details: 'too many requests' }).status, 'retry');
});

test('INTERNAL is the end of a batch when the server says so, and none when the connection broke', (t) => {
  t.is(classify({ code: status.INTERNAL, details: 'no space' }).status, 'drop');
  const broken = 'Received RST_STREAM with code 2 triggered by internal client error: Protocol error';
  t.is(classify({ code: status.INTERNAL, details: broken }).status, 'retry');
});
