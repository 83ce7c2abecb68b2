/** Records of connections in, series out: what the tests of metrics share. */
import { ConnectionMetrics, type ConnectionMetricsOptions } from '../../src/export/otlp/metrics/connections.ts';
import { type Series, SumSeries } from '../../src/export/otlp/metrics/series.ts';
import type { ConnectionRecord } from '../../src/model.ts';
import { makeProcess, makeRecord } from './otlp-records.ts';

export const owner = makeProcess(1);
const plain = { process: owner, handshakeDuration: undefined, smoothedRtt: undefined } as const;

export type Change = Partial<ConnectionRecord>;

/** A record of the connection with this number. */
export const of = (number: number, change: Change = {}) => makeRecord(number, { ...plain, ...change });

export function aggregate(
  records: readonly ConnectionRecord[],
  options: ConnectionMetricsOptions = {},
): ConnectionMetrics {
  const metrics = new ConnectionMetrics(options);
  for (const record of records) metrics.add(record);
  return metrics;
}

type Name = keyof ConnectionMetrics['instruments'];

/** Sum of all series of an instrument; of a histogram, how often it was recorded. */
export function total(metrics: ConnectionMetrics, name: Name, test: (series: Series) => boolean = () => true): number {
  const series: readonly Series[] = metrics.instruments[name].series;
  return series.filter(test).reduce((sum, one) => sum + (one instanceof SumSeries ? one.value : one.count), 0);
}

export function counts(metrics: ConnectionMetrics) {
  const [opened, closed, failed, live] = (['opened', 'closed', 'failed', 'count'] as const).map((name) =>
    total(metrics, name),
  );
  return { opened, closed, failed, live };
}

/** Totals of a record. */
export const moved = (
  sentBytes: number,
  receivedBytes: number,
  sentPackets: number,
  receivedPackets: number,
  retransmits = 0,
) => ({
  sentBytes,
  receivedBytes,
  sentPackets,
  receivedPackets,
  retransmits,
});
