import test from 'ava';
import { formatSummary } from '../../../src/cli/books.ts';
import { type KernelCounts, Ledger, withPrefix } from '../../../src/ledger.ts';
import { books } from '../../support/summary.ts';

const inOrder = { isAtOnce: false, internalErrors: 0 };
const calm: KernelCounts = {
  opened: 3,
  closed: 3,
  live: 0,
  lost: { ring_full: 0 },
  dropped: { events: 0 },
  udp: { opened: 0, closed: 0, live: 0 },
  folded: 0,
};

test('a calm summary says nothing of what was not dropped', (t) => {
  t.is(formatSummary(new Ledger(), calm, inOrder), '0 records (opened 3, closed 3, live 0), sent 0, unsent 0, lost 0');
});

test('what was dropped without a loss is said, kind by kind', (t) => {
  const counts = { ...calm, dropped: { events: 12, processes: 0, listeners: 1 } };
  t.regex(formatSummary(new Ledger(), counts, inOrder), /, lost 0, dropped 12 events and 1 listeners$/);
});

test('ends that the kernel had hidden are said when there were some', (t) => {
  t.regex(formatSummary(new Ledger(), { ...calm, late: 2 }, inOrder), /, lost 0, late ends 2$/);
});

test('what was lost keeps its own place', (t) => {
  const counts = { ...calm, closed: 1, lost: { ring_full: 2 }, dropped: { events: 5 } };
  t.regex(formatSummary(new Ledger(), counts, inOrder), /, lost 2 \(kernel ring_full 2\), dropped 5 events$/);
});

test('what went through the spool is told apart: sent for an earlier run, kept for the next one', (t) => {
  const ledger = new Ledger();
  ledger.received = 10;
  ledger.deliver('otlp-logs', 12);
  ledger.restore('otlp-logs', 5);
  ledger.keep('otlp-logs', 3);
  t.regex(
    formatSummary(ledger, calm, inOrder),
    /, sent 12 \(5 of them from an earlier run\), kept for the next run 3, unsent 0, lost 0$/,
  );
});

test('spans and points of metrics that are lost have sums of their own', (t) => {
  const ledger = new Ledger();
  ledger.received = 4;
  ledger.lose('export', 'queue_full', 1);
  ledger.lose('export', 'shutdown', 2);
  withPrefix(ledger, 'traces').lose('export', 'queue_full', 10);
  withPrefix(ledger, 'metrics').lose('export', 'shutdown', 100);
  withPrefix(ledger, 'traces').lose('export', 'shutdown', 20);
  const summary = formatSummary(ledger, { ...calm, dropped: { events: 5 } }, inOrder);
  t.regex(
    summary,
    /, unsent 2, lost 1 \(export queue_full 1\), lost 30 spans \(export traces_queue_full 10, export traces_shutdown 20\), lost 100 metric points \(export metrics_shutdown 100\), dropped 5 events$/,
  );
  t.like(books(`sockflow: ${summary}`), { unsent: 2, lost: { 'export queue_full': 1 } });
});

test('what failed without a loss is said at the end, and is no loss', (t) => {
  const ledger = new Ledger();
  ledger.fault('enrich', 'geoip');
  ledger.fault('enrich', 'geoip');
  ledger.fault('correlate', 'dns_malformed');
  ledger.late = 1;
  const summary = formatSummary(ledger, calm, inOrder);
  t.regex(
    summary,
    /, lost 0, 1 without their container's name, faults 3 \(enrich geoip 2, correlate dns_malformed 1\)$/,
  );
  t.deepEqual(books(`sockflow: ${summary}`).lost, {});
});
