/** The one table. */
import type { Slot } from './slot.ts';
import { median, spread } from './statistics.ts';

/** What was measured of one subject. */
export interface Findings {
  name: string;
  /** Rate beside the subject over the rate alone, by load; one for each round. */
  ratios: Map<string, number[]>;
  /** Timed slots of storms: they tell the CPU per record. */
  storms: Slot[];
  /** The same with BPF statistics on. */
  bpf: Slot[];
  note: string;
}

const NONE = '–';

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? NONE : value.toFixed(digits);
}

function ratioCell(values: readonly number[] | undefined): string {
  const found = spread(values ?? []);
  return found ? `${found.median.toFixed(3)} (${found.low.toFixed(2)}…${found.high.toFixed(2)})` : NONE;
}

/** Microseconds a record. */
function perRecord(slots: readonly Slot[], nanoseconds: (slot: Slot) => number | undefined): number | undefined {
  const known = slots.filter((slot) => slot.records > 0 && nanoseconds(slot) !== undefined);
  return median(known.map((slot) => (nanoseconds(slot) ?? 0) / slot.records / 1000));
}

function sum(...parts: (number | undefined)[]): number | undefined {
  return parts.some((part) => part === undefined) ? undefined : parts.reduce<number>((a, b) => a + (b ?? 0), 0);
}

function lostCell(slots: readonly Slot[]): string {
  if (slots.length === 0) return NONE;
  const made = slots.reduce((all, slot) => all + 2 * slot.load.operations, 0);
  const records = slots.reduce((all, slot) => all + slot.records, 0);
  const known = slots.flatMap(({ lost }) => lost ?? []);
  const admitted = known.length > 0 ? `, says ${known.reduce((a, b) => a + b)}` : '';
  return `${Math.max(0, made - records)} of ${made}${admitted}`;
}

function row(findings: Findings, loadNames: readonly string[]): string[] {
  const { storms, bpf } = findings;
  const main = perRecord(storms, ({ cpu }) => cpu.main);
  const reader = perRecord(storms, ({ cpu }) => cpu.reader);
  const other = perRecord(storms, ({ cpu }) => cpu.other);
  const kernel = perRecord(bpf, ({ bpfTime }) => bpfTime);
  const ready = storms.flatMap(({ readySeconds }) => readySeconds ?? []);
  return [
    findings.name,
    ...loadNames.map((name) => ratioCell(findings.ratios.get(name))),
    number(kernel, 2),
    number(reader, 2),
    number(main, 2),
    number(other, 2),
    number(sum(kernel, reader, main, other), 2),
    number(
      perRecord(storms, ({ collectorCpu }) => collectorCpu || undefined),
      2,
    ),
    lostCell(storms),
    number(median(ready), 2),
    number(storms.length > 0 ? Math.max(...storms.map(({ peakMemory }) => peakMemory)) : undefined, 0),
    findings.note,
  ];
}

const COSTS = [
  'BPF µs/record',
  'reader',
  'JS',
  'other threads',
  'sum µs/record',
  'Collector µs/record',
  'records missing',
  'ready s',
  'peak RSS MiB',
  'notes',
];

export function table(all: readonly Findings[], loadNames: readonly string[]): string {
  const head = ['beside', ...loadNames.map((name) => `${name}: rate on/off`), ...COSTS];
  const lines = [head, head.map(() => '---'), ...all.map((findings) => row(findings, loadNames))];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
