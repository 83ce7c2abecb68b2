/** Servers that refuse for good: what they refused is lost under the name of their answer, and nothing else is. */
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createOtlpLogsExporter, type OtlpLogsOptions } from '../../src/export/otlp/logs.ts';
import { Ledger } from '../../src/ledger.ts';
import { later } from '../support/delivery.ts';
import { check, common, primes, records } from '../support/losses.ts';
import { startOtlpHttpServer } from '../support/otlp-http-server.ts';
import { startOtlpServer } from '../support/otlp-server.ts';
import { PATIENCE, settled } from '../support/processes.ts';

const prime = primes();

/** A first request that is refused, and a second one that is not. */
async function refuse(
  t: ExecutionContext,
  options: Partial<OtlpLogsOptions>,
  reason: string,
  count: number,
): Promise<void> {
  const ledger = new Ledger();
  const exporter = createOtlpLogsExporter({ ...common, ...options, flushMs: 1 }, ledger, () => undefined);
  exporter.export(records(count));
  await settled(
    () => ledger.lost.length,
    (length) => length > 0,
    PATIENCE,
  );
  exporter.export(records(3));
  await exporter.shutdown(later());
  check(t, ledger, reason, count, 3);
}

const codes = [
  ...(['UNKNOWN', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'] as const),
  ...(['FAILED_PRECONDITION', 'UNIMPLEMENTED', 'INTERNAL', 'UNAUTHENTICATED'] as const),
];

for (const name of codes) {
  const { value: count } = prime.next();
  test(`${name} of a real server: ${count} are lost, all in this count`, async (t) => {
    const server = await startOtlpServer({ script: [{ code: status[name] }] });
    t.teardown(() => server.stop());
    await refuse(t, { endpoint: server.endpoint }, name.toLowerCase(), count);
  });
}

for (const code of [400, 401, 403, 404, 405, 415, 422, 500, 501, 505]) {
  const { value: count } = prime.next();
  test(`HTTP ${code}: ${count} are lost, all in this count`, async (t) => {
    const server = await startOtlpHttpServer({ script: [{ status: code }] });
    t.teardown(() => server.stop());
    await refuse(t, { endpoint: server.endpoint, protocol: 'http/protobuf' }, `http_${code}`, count);
  });
}
