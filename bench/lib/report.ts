/** Two tables: what the load pays, and what the subjects pay and tell. */
import type { Load } from './loads.ts';
import type { Slot } from './slot.ts';
import { median, spread } from './statistics.ts';
import type { Subject } from './subject.ts';

/** What was measured of one subject. */
export interface Findings {
  /** Undefined for nobody. */
  subject: Subject | undefined;
  /** Rate beside the subject over the rate alone, by load; one for each round. */
  ratios: Map<string, number[]>;
  /** Timed slots of storms: they tell what it costs and what it reports. */
  storms: Slot[];
  /** The same with BPF statistics on. */
  bpf: Slot[];
  /** It is not measured, or no longer. */
  failed: boolean;
  note: string;
}

const NONE = '–';

export function nameOf({ subject }: Findings): string {
  return subject?.name ?? '(nothing)';
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? NONE : value.toFixed(digits);
}

function ratioCell(values: readonly number[] | undefined): string {
  const found = spread(values ?? []);
  return found ? `${found.median.toFixed(3)} (${found.low.toFixed(2)}…${found.high.toFixed(2)})` : NONE;
}

type Count = 'records' | 'connections';

/** Microseconds for each of what it reported. */
function per(count: Count, slots: readonly Slot[], nanoseconds: (slot: Slot) => number): number | undefined {
  return median(slots.filter((slot) => slot[count] > 0).map((slot) => nanoseconds(slot) / slot[count] / 1000));
}

/** What its BPF programs take is none of its processes' CPU; nothing of a subject that has none. */
function bpfPer(count: Count, { subject, bpf }: Findings): number | undefined {
  return subject?.bpf ? per(count, bpf, ({ bpfTime }) => bpfTime ?? Number.NaN) : 0;
}

function totalPer(count: Count, findings: Findings): number | undefined {
  const processes = per(count, findings.storms, ({ cpu }) => cpu.main + cpu.reader + cpu.other);
  const kernel = bpfPer(count, findings);
  return processes === undefined || kernel === undefined ? undefined : processes + kernel;
}

/** Never rounded up: 100 % is all. */
function percent(share: number): string {
  return `${Math.floor(share * 1e5) / 1e3} %`;
}

function sum(slots: readonly Slot[], value: (slot: Slot) => number): number {
  return slots.reduce((all, slot) => all + value(slot), 0);
}

/** Connections of the load that it told of, of those that were made; and what it knows to have lost. */
export function reportedCell(slots: readonly Slot[]): string {
  if (slots.length === 0) return NONE;
  const made = sum(slots, ({ load }) => load.operations - load.failed);
  const reported = sum(slots, ({ connections }) => connections);
  const unit = slots.find(({ losses }) => losses)?.losses?.unit;
  const lost = unit ? `, ${sum(slots, ({ losses }) => losses?.count ?? 0)} ${unit} lost` : '';
  return `${percent(reported / made)} of ${made}${lost}`;
}

type Column = readonly [head: string, cell: (findings: Findings, subject: Subject) => string];

/** Microseconds a record of one kind of its threads, where these are known. */
function threadCell(group: keyof Slot['cpu']): Column[1] {
  return ({ storms }, { threads }) => number(threads ? per('records', storms, ({ cpu }) => cpu[group]) : undefined, 2);
}

function collectorCell({ storms }: Findings): string {
  const used = storms.filter(({ collectorCpu }) => collectorCpu > 0);
  return number(
    per('records', used, ({ collectorCpu }) => collectorCpu),
    2,
  );
}

const COLUMNS: readonly Column[] = [
  ['beside', (findings) => nameOf(findings)],
  ['owner', (_, { owner }) => (owner ? 'yes' : 'no')],
  ['connections reported', ({ storms }) => reportedCell(storms)],
  ['CPU µs/connection', (findings) => number(totalPer('connections', findings), 2)],
  ['CPU µs/record', (findings) => number(totalPer('records', findings), 2)],
  ['of it BPF', (findings, { bpf }) => number(bpf ? bpfPer('records', findings) : undefined, 2)],
  ['reader', threadCell('reader')],
  ['JS', threadCell('main')],
  ['other threads', threadCell('other')],
  ['Collector µs/record', collectorCell],
  ['ready s', ({ storms }) => number(median(storms.map(({ readySeconds }) => readySeconds)), 2)],
  [
    'peak RSS MiB',
    ({ storms }) => number(storms.length > 0 ? Math.max(...storms.map((s) => s.peakMemory)) : undefined, 0),
  ],
];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function rates(all: readonly Findings[], loads: readonly Load[]): string {
  const row = (findings: Findings) => [
    nameOf(findings),
    ...loads.map(({ name }) => ratioCell(findings.ratios.get(name))),
  ];
  return table(['rate on/off beside', ...loads.map(({ name }) => name)], all.map(row));
}

function costs(all: readonly Findings[]): string {
  const row = (findings: Findings, subject: Subject) => COLUMNS.map(([, cell]) => cell(findings, subject));
  const head = COLUMNS.map(([name]) => name);
  return table(
    head,
    all.flatMap((findings) => (findings.subject ? [row(findings, findings.subject)] : [])),
  );
}

/** The second table only where a storm was among the loads. */
export function report(all: readonly Findings[], loads: readonly Load[]): string {
  const notes = all.filter(({ note }) => note !== '').map((findings) => `- ${nameOf(findings)}: ${findings.note}`);
  const parts = [rates(all, loads)];
  if (loads.some(({ kind }) => kind === 'connections')) parts.push(costs(all));
  if (notes.length > 0) parts.push(notes.join('\n'));
  return parts.join('\n\n');
}
