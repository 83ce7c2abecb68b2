/**
 * What the agent costs, as ratios to a bare run in the same minutes. Slots alternate: alone, beside one, alone, beside the
 * next …; the row "(nothing)" treats a bare slot as a subject: that is the noise, and no figure is finer than it.
 *
 *   npm run bench -- [--rounds 7] [--n 20000] [--only sockflow,tcplife] [--loads storm,requests]
 */
import { parseArgs } from 'node:util';
import { canPin, type Load, loads } from './lib/loads.ts';
import { type Findings, table } from './lib/report.ts';
import { bareRate, runSlot, type Slot } from './lib/slot.ts';
import { type Subject, subjects } from './lib/subjects.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    n: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    loads: { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);
const connections = Number(values.n);

/** Those whose names contain one of the words; all without words. */
function chosen<T extends { name: string }>(list: readonly T[], words: string): T[] {
  const wanted = words.split(',').filter((word) => word !== '');
  return list.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function rotated<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** A subject, or undefined for nothing. */
type Entry = { subject: Subject | undefined; findings: Findings };

function entryOf(subject: Subject | undefined): Entry {
  const note = subject?.missing() ?? '';
  const findings: Findings = { name: subject?.name ?? '(nothing)', ratios: new Map(), storms: [], bpf: [], note };
  return { subject, findings };
}

async function measure({ subject, findings }: Entry, load: Load, operations: number): Promise<number> {
  if (!subject) return bareRate(load, operations);
  const slot: Slot = await runSlot(subject, load, operations);
  if (load.kind === 'connections') findings.storms.push(slot);
  if (slot.lost) say(slot.summary);
  if (slot.load.failed > 0) findings.note = `${slot.load.failed} operations failed`;
  return slot.rate;
}

/** Bare before, beside, bare after: the ratio is to the mean of both. */
async function compare(entries: readonly Entry[], load: Load): Promise<void> {
  const operations = connections * load.factor;
  await bareRate(load, operations); // warms up
  let before = await bareRate(load, operations);
  for (let round = 0; round < rounds; round++) {
    for (const entry of rotated(entries, round)) {
      const rate = await measure(entry, load, operations);
      const after = await bareRate(load, operations);
      const ratio = (2 * rate) / (before + after);
      entry.findings.ratios.set(load.name, [...(entry.findings.ratios.get(load.name) ?? []), ratio]);
      say(`${load.name}, round ${round + 1}/${rounds}, ${entry.findings.name}: ${ratio.toFixed(3)}`);
      before = after;
    }
  }
}

/** Rounds of their own, since measuring the BPF programs slows them. */
async function measureBpf(entries: readonly Entry[], load: Load): Promise<void> {
  for (const { subject, findings } of entries) {
    if (!subject) continue;
    say(`run time of BPF programs: ${subject.name}`);
    try {
      findings.bpf.push(await runSlot(subject, load, connections * load.factor, true));
    } catch (error) {
      findings.note = `BPF run time unknown: ${(error as Error).message}`;
    }
  }
}

process.setMaxListeners(0); // one for each scratch directory
// So that what exit removes goes away after Ctrl-C, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const wantedLoads = chosen(loads, values.loads);
const all = [undefined, ...chosen(subjects, values.only)].map(entryOf);
const present = all.filter(({ findings }) => findings.note === '');
if (!canPin()) say('only one CPU: nothing is pinned, ratios say little');
for (const load of wantedLoads) await compare(present, load);
const storm = wantedLoads.find(({ kind }) => kind === 'connections');
if (storm) await measureBpf(present, storm);
console.log(
  table(
    all.map(({ findings }) => findings),
    wantedLoads.map(({ name }) => name),
  ),
);
