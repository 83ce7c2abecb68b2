/**
 * The table of losses in docs/architecture.md: each of them is made to happen to a prime number of records; that count has
 * them then, and no other count has anything. What the kernel side counts is lost in test/e2e/tcp-conservation.test.ts.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createOtlpLogsExporter } from '../../src/export/otlp/logs.ts';
import { createOtlpMetricsExporter } from '../../src/export/otlp/metrics/exporter.ts';
import { createOtlpTracesExporter } from '../../src/export/otlp/traces.ts';
import { createLookupAttributes } from '../../src/export/semconv.ts';
import { Ledger, readReason, withPrefix } from '../../src/ledger.ts';
import { ofDelivery, ways } from '../support/loss-ways.ts';
import { check, common, primes, records } from '../support/losses.ts';
import { ownNetworkNamespace } from '../support/otlp-records.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const nothing = () => undefined;

const prime = primes();

for (const [reason, lose] of Object.entries(ways)) {
  const { value: count } = prime.next();
  test(`${reason}: ${count} are lost, all in this count`, async (t) => {
    const ledger = new Ledger();
    check(t, ledger, reason, count, await lose(t, count, ledger));
  });
}

for (const prefix of ['traces', 'metrics'] as const)
  for (const [reason, lose] of Object.entries(ofDelivery)) {
    const { value: count } = prime.next();
    test(`${prefix}_${reason}: ${count} are lost, all in this count`, async (t) => {
      const ledger = new Ledger();
      const delivered = await lose(t, count, withPrefix(ledger, prefix));
      check(t, ledger, `${prefix}_${reason}`, count, prefix === 'metrics' ? 0 : delivered);
    });
  }

test('what comes after the end is lost as such, of each kind', async (t) => {
  const ledger = new Ledger();
  const endpoint = 'http://127.0.0.1:9';
  const logs = createOtlpLogsExporter({ ...common, endpoint }, ledger, nothing);
  const lookupAttributes = createLookupAttributes({ ownNetworkNamespace });
  const traces = createOtlpTracesExporter({ ...common, lookupAttributes, endpoint }, ledger, nothing);
  const metrics = createOtlpMetricsExporter({ ...common, endpoint, ledger } as never, nothing);
  await Promise.all([logs, traces].map((exporter) => exporter.shutdown(performance.now() + 20)));
  logs.export(records(13));
  traces.export(records(17));
  t.deepEqual(
    ledger.lost.map(({ reason, count }) => [reason, count]),
    [
      ['shutdown', 13],
      ['traces_shutdown', 17],
    ],
  );
  await metrics.shutdown(performance.now() + 20);
});

/** `stage/reason` of the table's rows, without those that stand for others. */
function documented(): string[] {
  const [, table = ''] = readFileSync(join(CHECKOUT, 'docs/architecture.md'), 'utf8').split(
    '| stage | reason | why | remedy |\n',
  );
  const rows = (table.split('\n\n', 1)[0] ?? '').split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, stage = '', cell = ''] = row.split('|').map((text) => text.trim());
    const isOfOthers = cell.startsWith('a status') || cell.startsWith('traces_ or metrics_');
    return isOfOthers ? [] : cell.split(', ').map((reason) => `${stage}/${reason}`);
  });
}

test('each loss of the table is one of these, or of the kernel side', (t) => {
  const ofKernel = documented().filter((row) => row.startsWith('kernel/'));
  t.deepEqual(ofKernel.toSorted(), ['kernel/missed_event', 'kernel/ring_full', 'kernel/table_full']);
  const tried = Object.keys(ways).map((reason) => (reason === 'malformed' ? `capture/${reason}` : `export/${reason}`));
  t.deepEqual([...ofKernel, ...tried].toSorted(), documented().toSorted());
});

test('each reason that the source can name is in the table', (t) => {
  const known = new Set(documented().map((row) => row.split('/')[1]));
  // No output of the agent takes the reference path.
  const files = globSync('src/**/*.ts', { cwd: CHECKOUT }).filter((file) => !file.endsWith('sdk-logs.ts'));
  const named = files
    .map((file) => [file, readFileSync(join(CHECKOUT, file), 'utf8')] as const)
    .flatMap(([file, text]) =>
      [...text.matchAll(/\blose\((?:'(?:capture|export)', )?'(?!(?:capture|export)')([a-z_]+)'/g)].map(
        ([, reason]) => [file, reason] as const,
      ),
    );
  t.true(named.length > 10);
  for (const [file, reason = ''] of named)
    t.true(known.has(reason) || known.has(`metrics_${readReason(reason).plain}`), `${file}: ${reason}`);
});
