/** A delivery over a scripted transport, and batches of records that can be told apart. */
import { emptyResource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { Delivery, type DeliveryLimits } from '../../src/export/otlp/delivery.ts';
import { type EncodedBatch, LogWriter } from '../../src/export/otlp/log-writer.ts';
import { encodeMetrics } from '../../src/export/otlp/metrics/requests.ts';
import { createRecordAttributes } from '../../src/export/semconv.ts';
import type { Spool } from '../../src/export/spool/spool.ts';
import { Ledger } from '../../src/ledger.ts';
import type { ConnectionRecord } from '../../src/model.ts';
import { decodeLogs } from './otlp-decode.ts';
import { host, makeRecord, ownNetworkNamespace } from './otlp-records.ts';
import { type Scripted, type ScriptedTransport, scriptedTransport } from './scripted-transport.ts';

const attributes = createRecordAttributes({ ownNetworkNamespace });

export function encode(records: readonly ConnectionRecord[]): EncodedBatch {
  const writer = new LogWriter({ attributes, host });
  for (const record of records) writer.add(record, 1n);
  return writer.take();
}

export const batchOf = (count: number, first = 0) =>
  encode(Array.from({ length: count }, (_, number) => makeRecord(first + number)));

export function uidsOf(bytes: Uint8Array): unknown[] {
  return decodeLogs(bytes).flatMap(({ scopes }) =>
    scopes.flatMap(({ items }) => items.map((item) => item.attributes['log.record.uid']?.value)),
  );
}

export const allUids = (requests: readonly Uint8Array[]) => requests.flatMap(uidsOf).sort();

export interface DeliveryRig {
  transport: ScriptedTransport;
  delivery: Delivery;
  ledger: Ledger;
  said: string[];
}

export function createDeliveryRig(
  answer: (bytes: Uint8Array, number: number) => Scripted,
  limits: DeliveryLimits = {},
  spool?: Spool,
  ledger = new Ledger(),
): DeliveryRig {
  const transport = scriptedTransport(answer);
  const said: string[] = [];
  const delivery = new Delivery({
    name: 'test',
    title: 'test',
    transport,
    ledger,
    say: (message) => void said.push(message),
    limits: { retryMs: [1, 5], ...limits },
    spool,
  });
  return { transport, delivery, ledger, said };
}

export const later = () => performance.now() + 60_000;
export const sent = ({ ledger }: DeliveryRig) => ledger.sent.get('test') ?? 0;
export const lost = ({ ledger }: DeliveryRig) =>
  Object.fromEntries(ledger.lost.map(({ stage, reason, count }) => [`${stage}/${reason}`, count]));

/** A request with the values 0, 1, … as points of so many metrics. */
export async function metricsOf(...points: readonly number[]): Promise<EncodedBatch> {
  const metrics = points.map((count, number) => ({
    descriptor: { name: `m${number}`, description: '', unit: '1', valueType: 0 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic: true,
    dataPoints: Array.from({ length: count }, (_, value) => ({
      attributes: {},
      startTime: [1, 0],
      endTime: [2, 0],
      value,
    })),
  }));
  const collection = { resource: emptyResource(), scopeMetrics: [{ scope: { name: 'test' }, metrics }] };
  const batches: EncodedBatch[] = [];
  const encoded = encodeMetrics(collection as unknown as ResourceMetrics, () => undefined);
  for await (const batch of encoded) batches.push(batch);
  return batches[0] as EncodedBatch;
}
