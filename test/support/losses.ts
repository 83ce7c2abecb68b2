/** Losing so many records, and nothing else: what the tests of losses share. */
import type { ExecutionContext } from 'ava';
import { createRecordAttributes } from '../../src/export/semconv.ts';
import type { Ledger } from '../../src/ledger.ts';
import { host, makeProcess, makeRecord, ownNetworkNamespace } from './otlp-records.ts';

/** Options of every exporter of OTLP. */
export const common = { host, attributes: createRecordAttributes({ ownNetworkNamespace }) };
const owner = makeProcess(1);

export const records = (count: number) =>
  Array.from({ length: count }, (_, number) => makeRecord(number, { process: owner }));

/** So many are lost for this reason, so many others were delivered, and nothing else was counted. */
export function check(t: ExecutionContext, ledger: Ledger, reason: string, count: number, delivered: number): void {
  const stage = reason === 'malformed' ? 'capture' : 'export';
  t.deepEqual(ledger.lost, [{ stage, reason, count }]);
  t.is(
    [...ledger.sent.values()].reduce((sum, each) => sum + each, 0),
    delivered,
  );
}

/** Another one for each. */
export function* primes(): Generator<number, never> {
  for (let number = 11; ; number += 2) {
    let divisor = 3;
    while (divisor * divisor <= number && number % divisor > 0) divisor += 2;
    if (divisor * divisor > number) yield number;
  }
}
