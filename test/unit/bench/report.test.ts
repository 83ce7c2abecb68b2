import test from 'ava';
import { loads } from '../../../bench/lib/loads.ts';
import { type Findings, report } from '../../../bench/lib/report.ts';
import type { Slot } from '../../../bench/lib/slot.ts';
import type { Subject } from '../../../bench/lib/subject.ts';

const storm = loads.filter(({ name }) => name === 'storm, one CPU');
const [requests] = loads.filter(({ kind }) => kind === 'requests');

function subject(given: Partial<Subject>): Subject {
  const start = () => Promise.reject(new Error('not to be started'));
  return {
    name: 'it',
    owner: false,
    bpf: false,
    threads: false,
    holdsBackSeconds: 0,
    missing: () => '',
    start,
    ...given,
  };
}

function slot(given: Partial<Slot>): Slot {
  return {
    rate: 1,
    load: { operations: 100_000, seconds: 1, cpuSeconds: 1, port: 1, failed: 0 },
    readySeconds: 0.5,
    cpu: { main: 0, reader: 0, other: 0 },
    collectorCpu: 0,
    bpfTime: undefined,
    bpfRuns: undefined,
    peakMemory: 1,
    records: 200_000,
    connections: 100_000,
    losses: undefined,
    summary: '',
    ...given,
  };
}

function findings(given: Partial<Findings>): Findings {
  return { subject: subject({}), ratios: new Map(), storms: [], bpf: [], failed: false, note: '', ...given };
}

/** The second table: cells of its only row, by the heads of the columns. */
function costs(given: Partial<Findings>): Record<string, string> {
  const [, second = ''] = report([findings(given)], storm).split('\n\n');
  const [heads = [], , cells = []] = second.split('\n').map((line) => line.slice(2, -2).split(' | '));
  return Object.fromEntries(heads.map((head, i) => [head, cells[i] ?? '']));
}

test('one connection in 200,000 missing is not all of them', (t) => {
  const storms = [slot({}), slot({ connections: 99_999 })];
  t.is(costs({ storms })['connections reported'], '99.999 % of 200000');
  t.is(costs({ storms: [slot({})] })['connections reported'], '100 % of 100000');
});

test('what was lost is the sum of all rounds, in its unit; 0 is said, unknown is not', (t) => {
  const storms = [1, 2].map((count) => slot({ losses: { count, unit: 'events' } }));
  t.is(costs({ storms })['connections reported'], '100 % of 200000, 3 events lost');
  const none = [slot({ losses: { count: 0, unit: 'packets' } })];
  t.is(costs({ storms: none })['connections reported'], '100 % of 100000, 0 packets lost');
});

test('connections that failed were not made', (t) => {
  const load = { operations: 100_000, seconds: 1, cpuSeconds: 1, port: 1, failed: 50_000 };
  t.is(costs({ storms: [slot({ load, connections: 50_000 })] })['connections reported'], '100 % of 50000');
});

test('CPU by connection and by record: all threads and what BPF took, which is measured apart', (t) => {
  const storms = [slot({ cpu: { main: 2e8, reader: 1e8, other: 1e8 } })];
  const bpf = [slot({ bpfTime: 4e8 })];
  const cells = costs({ subject: subject({ bpf: true, threads: true, owner: true }), storms, bpf });
  t.like(cells, { owner: 'yes', 'CPU µs/connection': '8.00', 'CPU µs/record': '4.00', 'of it BPF': '2.00' });
  t.like(cells, { reader: '0.50', JS: '1.00', 'other threads': '0.50', 'Collector µs/record': '–' });
});

test('no sum without the part that BPF took, no threads where they are not known', (t) => {
  const storms = [slot({ cpu: { main: 2e8, reader: 1e8, other: 1e8 } })];
  const unmeasured = costs({ subject: subject({ bpf: true }), storms });
  t.like(unmeasured, { 'CPU µs/connection': '–', 'CPU µs/record': '–', 'of it BPF': '–' });
  t.like(costs({ storms }), { owner: 'no', 'CPU µs/record': '2.00', 'of it BPF': '–', reader: '–', JS: '–' });
});

test('who was not measured has a row without figures, and a note', (t) => {
  const note = 'not installed (apt-get install it)';
  const cells = costs({ failed: true, note });
  t.is(cells['connections reported'], '–');
  t.true(report([findings({ failed: true, note })], storm).endsWith(`\n\n- it: ${note}`));
});

test('rates alone where no load made connections', (t) => {
  const ratios = new Map([['requests, one CPU', [0.9, 1, 0.95]]]);
  t.deepEqual(report([findings({ subject: undefined, ratios })], requests ? [requests] : []).split('\n'), [
    '| rate on/off beside | requests, one CPU |',
    '| --- | --- |',
    '| (nothing) | 0.950 (0.93…0.97) |',
  ]);
});
