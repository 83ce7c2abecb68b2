/** Requests that are divided. */
import test from 'ava';
import type { EncodedBatch } from '../../../src/export/otlp/log-writer.ts';
import { splitRequest } from '../../../src/export/otlp/split.ts';
import { batchOf, encode, metricsOf } from '../../support/delivery.ts';
import { countLogs, decodeLogs, decodeMetrics } from '../../support/otlp-decode.ts';
import { makeVariedRecords } from '../../support/otlp-records.ts';

test('halves of a request hold what it held: each record once, with its resource and scope', (t) => {
  const batch = encode(makeVariedRecords());
  const parts = splitRequest(batch) ?? [];
  t.deepEqual(
    parts.map(({ count }) => count),
    [100, 100],
  );
  t.deepEqual(
    parts.map(({ bytes }) => countLogs(bytes)),
    [100, 100],
  );
  const flat = (bytes: Uint8Array) =>
    decodeLogs(bytes).flatMap(({ scopes, ...resource }) =>
      scopes.flatMap(({ items, ...scope }) => items.map((item) => ({ ...resource, scope, item }))),
    );
  t.deepEqual(
    parts.flatMap(({ bytes }) => flat(bytes)),
    flat(batch.bytes),
  );
});

test('what is no request and what is one record is not divided', (t) => {
  t.is(splitRequest(batchOf(1)), undefined);
  t.is(splitRequest({ bytes: Uint8Array.of(0x0a, 0x7f, 1), count: 2 }), undefined);
});

test('metrics are divided only where what is divided is what is counted', async (t) => {
  const single = await metricsOf(1, 1, 1, 1, 1);
  const halves = splitRequest(single) ?? [];
  t.deepEqual(
    halves.map(({ count }) => count),
    [3, 2],
  );
  const points = ({ bytes }: EncodedBatch) =>
    decodeMetrics(bytes).flatMap(({ scopes }) => scopes.flatMap(({ items }) => items.flatMap((item) => item.points)));
  t.deepEqual(
    halves.map((half) => points(half).length),
    [3, 2],
  );
  t.is(splitRequest(await metricsOf(3, 3)), undefined);
  t.is(splitRequest(await metricsOf(1, 5)), undefined);
});
