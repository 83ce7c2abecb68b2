/** What records cost on their way to OTLP: the writer, in batches as the exporter cuts them, and the metrics. Best of several rounds. */

import { LogWriter } from '../src/export/otlp/log-writer.ts';
import { ConnectionMetrics } from '../src/export/otlp/metrics/connections.ts';
import { createRecordAttributes } from '../src/export/semconv.ts';
import type { ConnectionRecord } from '../src/model.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from '../test/support/otlp-records.ts';

/** Few enough to stay in the caches and cheap to trace for the collector of garbage: real records die young. */
const RECORDS = 20_000;
const ROUNDS = 40;
const BATCH = 512 * 1024;

/** One process, as of a load generator; or client and server in turn, as when both ends are on this host. */
function makeRecords(processes: number): ConnectionRecord[] {
  const owners = Array.from({ length: processes }, (_, serial) => makeProcess(serial));
  return Array.from({ length: RECORDS }, (_, number) =>
    makeRecord(number, { process: owners[number % processes], role: number % 2 === 0 ? 'client' : 'server' }),
  );
}

function run(writer: LogWriter, records: readonly ConnectionRecord[]): { seconds: number; bytes: number } {
  const observed = BigInt(Date.now()) * 1_000_000n;
  const begin = process.hrtime.bigint();
  let total = 0;
  const take = () => {
    const { bytes, giveBack } = writer.take();
    total += bytes.length;
    giveBack?.();
  };
  for (const record of records) {
    writer.add(record, observed);
    if (writer.size >= BATCH) take();
  }
  take();
  return { seconds: Number(process.hrtime.bigint() - begin) / 1e9, bytes: total };
}

for (const processes of [1, 2, 2000]) {
  const writer = new LogWriter({ attributes: createRecordAttributes({ ownNetworkNamespace }), host });
  const records = makeRecords(processes);
  const rounds = Array.from({ length: ROUNDS }, () => run(writer, records));
  const best = Math.min(...rounds.map(({ seconds }) => seconds));
  const bytes = (rounds[0]?.bytes ?? 0) / RECORDS;
  const micros = (best / RECORDS) * 1e6;
  console.log(`log writer, ${processes} processes: ${micros.toFixed(3)} µs/record, ${bytes.toFixed(0)} bytes/record`);
}

/** Ends only, as of short connections; or each with two updates before. */
function measureMetrics(name: string, records: readonly ConnectionRecord[]): void {
  const metrics = new ConnectionMetrics();
  const rounds = Array.from({ length: ROUNDS }, () => {
    const begin = process.hrtime.bigint();
    for (const record of records) metrics.add(record);
    return Number(process.hrtime.bigint() - begin) / 1e3 / records.length;
  });
  console.log(`metrics, ${name}: ${Math.min(...rounds).toFixed(3)} µs/record`);
}

const closes = makeRecords(2);
measureMetrics('close only', closes);
measureMetrics('close only, 2000 processes', makeRecords(2000));
const lives = closes.flatMap((close) => [
  { ...close, event: 'update' as const },
  { ...close, event: 'update' as const },
  close,
]);
measureMetrics('update, update, close', lives);
